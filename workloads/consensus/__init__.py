"""Consensus: a log that a majority of members keeps, and a key-value store on it. Raft (Ongaro 2014), without I/O at its core.

``raft``        the protocol: messages in, effects out
``wal``         the write-ahead log, on files
``store``       the key-value store as a state machine, and a member's copy of it
``wire``        what goes over connections
``server``      a member as a process
``client``      the client's side; keeps the port ``workloads/ports/coordination``
``simulation``  a whole group on a simulated clock, with every fault drawn from a seed
``checking``    whether a recorded history is linearizable: for tests, and for drills against real stores
``local``       a group as processes of this machine
"""
