"""Consensus: a log that a majority of members keeps, and a key-value store on it. Raft (Ongaro 2014), without I/O at its core.

``checking``  whether a recorded history is linearizable: for tests, and for drills against real stores
"""
