"""What goes over connections.

``framing``     frames with length, checksum and version
``hello``       the first frame: which group, and who
``messages``    messages between members
``requests``    requests of clients, and their answers
``connection``  a connection of asyncio that sends and receives frames
``security``    mutual TLS
"""
