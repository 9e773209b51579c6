"""Records: what happened, kept as events, and what is made of them.

A library and no container: it runs inside the program whose events it keeps. From below to above:

``workloads.ports.recorder``  the port to storage; the fake in memory ships with it, ``recorders`` has SQLite
``events``       types of events, their versions, and how old ones are brought up to date
``store``        streams with expected versions, snapshots, subscriptions
``commands``     the writing side: decide on the state of a stream, append, retry where another writer was first
``projections``  the reading side: tables made from the events, each kept with its position in one transaction
``sagas``        steps across several streams or services, that all happen or are all taken back
``personal``     data of persons: sealed with a key of their own, so that forgetting the key erases them everywhere
"""
