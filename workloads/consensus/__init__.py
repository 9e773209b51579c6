"""Consensus: a log that a majority of members keeps, and a key-value store on it. Raft (Ongaro 2014), without I/O at its core.

``raft``        the protocol: messages in, effects out
``wal``         the write-ahead log as bytes
``store``       the key-value store as a state machine
``simulation``  a whole group on a simulated clock, with every fault drawn from a seed
``checking``    whether a recorded history is linearizable: for tests, and for drills against real stores
"""
