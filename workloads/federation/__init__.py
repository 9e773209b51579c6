"""Federated learning with provable privacy.

``privacy``             accounting, calibration, the budget ledger, and the noise itself
``secure_aggregation``  the server learns only the sum of the updates, not a single one of them
``audit``               a signed, hash-chained log of what was done
"""
