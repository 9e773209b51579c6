"""A key-value store as a state machine: commands go in by the log, results come out, the same on every member.

``command``  what clients ask, and its form in the log
``history``  the last changes, by revision
``machine``  keys with revisions, leases, client sessions; snapshots
``replica``  a member and its machine: requests in, answers out
"""
