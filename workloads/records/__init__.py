"""Event sourcing: events as the system of record, and what is derived from them.

A library, not a container: it runs inside the program whose events it stores. From bottom to top:

``workloads.ports.recorder``  the port to storage; the fake in memory ships with it, ``recorders`` has the others
``events``       types of events, their versions, and how old ones are brought up to date
``store``        streams with expected versions, snapshots, subscriptions
``commands``     the writing side: decide on the state of a stream, append, retry if another writer was first
``projections``  the reading side: tables made from the events, each kept with its position in one transaction
``sagas``        steps across several streams or services, which all happen or are all compensated
``personal``     data of persons: sealed with a key per person, so that destroying the key erases them everywhere
"""
