"""A member as a process.

``driver``   the clock, the disk and the order of effects
``links``    connections to the other members
``doors``    connections from members and clients
``watches``  who is told of which changes
``health``   probes over HTTP
``metrics``  what Prometheus reads
``run``      all of it, from the arguments to the end
"""
