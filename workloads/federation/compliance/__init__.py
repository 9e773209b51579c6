"""Who may take part, and whether a round may begin.

``gate``      checks each client and each round
``journal``   writes each decision into the audit log exactly once, whatever interrupts the writer
``erasure``   a model as if a client had never taken part
"""
