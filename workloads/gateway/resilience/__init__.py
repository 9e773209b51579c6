"""What is done about failures: which are tried again and where, how long later, how often, and when a target is left alone.

No socket and no clock: times come in as ``now_s`` of any monotonic clock.
"""
