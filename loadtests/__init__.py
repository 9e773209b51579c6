"""Load tests: send a plan to real engines, measure the responses, and say whether the measurement can be trusted.

``open_loop`` sends at intended times and is the basis of verdicts. Locust (``locustfile.py``, ``users/``, ``shapes/``) simulates users who
wait for their responses. Both produce a :class:`~loadtests.measurement.Measurement`.
"""
