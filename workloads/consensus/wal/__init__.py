"""The write-ahead log: what must survive a crash, as bytes.

``records``  records with checksums: encoding, decoding, torn tails
"""
