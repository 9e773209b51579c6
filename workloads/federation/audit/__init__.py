"""The audit log: what was done, by whom it was decided, in an order that nobody can change afterwards.

``log``     appends signed lines, each with the digest of the one before
``verify``  reads them and names the first line that is not what was written
"""
