"""Raft without I/O: messages and ticks go in, effects come out (Ongaro, "Consensus: bridging theory and practice", 2014).

``messages``       what members send each other, entries, snapshots, and the effects that a driver carries out
``configuration``  who votes; majorities, also of two configurations at once
``log``            entries in memory, after the last snapshot
``progress``       what a leader knows of one follower, and how much it may send
``leadership``     what exists only while a member leads: followers, read rounds, the lease
``state``          what a member has
``elections``      standing and voting
``following``      taking entries from a leader
``leading``        replicating, committing, changing members, confirming reads
``member``         the step function, made of the four before it
"""
