"""Load tests: send a plan to real engines, measure what comes back, and say whether the measurement can be trusted.

``open_loop`` sends at intended times and is what verdicts are built on; Locust (``locustfile.py``, ``users/``, ``shapes/``) plays
users who wait for their answers. Both end in one :class:`~loadtests.measurement.Measurement`.
"""
