"""What goes over connections, as bytes: without sockets.

``framing``     frames with length, checksum and version
``messages``    messages between members
``connection``  a connection of asyncio that sends and receives frames
``security``    mutual TLS
"""
