"""The audit log: what was done and who decided it, in a tamper-evident order.

``log``     appends signed lines, each with the digest of the one before
``verify``  reads them and reports the first line that was altered
"""
