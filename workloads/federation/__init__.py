"""Federated learning with privacy that holds.

``privacy``             accounting, calibration, the budget ledger, and the noise itself
``secure_aggregation``  the server learns the sum of the updates and no single one of them
``audit``               a signed, hash-chained log of what was done
"""
