"""Handling of failures: which are retried and where, after which delay, how often, and when a circuit breaker opens.

No socket and no clock: times are passed in as ``now_s`` of any monotonic clock.
"""
