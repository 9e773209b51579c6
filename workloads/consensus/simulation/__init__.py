"""A whole group in one thread on a simulated clock: the real code of members, machine and log, with every fault drawn from a seed.

``disk``        what survives a crash, torn writes among it
``network``     delays, losses, copies, partitions
``node``        the driver of one member: effects in their order, a crash possible at every one
``invariants``  what must hold after every event
``clients``     sessions that read and write, and the history they saw
``cluster``     the event loop that has all of them
``nemesis``     what goes wrong, and when
``run``         one seed: faults, then a healthy end in which the group must make progress
"""
