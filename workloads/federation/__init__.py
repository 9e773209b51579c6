"""Federated learning with provable privacy.

``definition``          what a federation learns, how and under which terms: one document
``tasks``, ``models``   records and the models that fit them
``training``            at one client: plain, or with record-level differential privacy
``strategies``          how updates become the next model
``rounds``              server and clients as state machines, with what they keep on the disk
``privacy``             accounting, calibration, the budget ledger, and the noise itself
``secure_aggregation``  the server learns only the sum of the updates, not a single one of them
``proofs``              proofs that an update of a small model is within its bounds, checked by several aggregators
``homomorphic``         encrypted updates that a server can add and not read
``compliance``          the gate before each round, and its journal
``audit``               a signed, hash-chained log of what was done
``transport``           messages between the programs, with mutual TLS
"""
