"""Ports on which a server of ours can listen. Only the server's own start decides: another program may take a port meanwhile."""

from __future__ import annotations

import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"


def free_port(host: str = LOOPBACK) -> int:
    """Return a port of ``host`` that the system says is free."""
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def check_port(port: int, host: str = LOOPBACK) -> None:
    """Raise unless a server could listen on ``port``. Connections of an earlier server that are still closing do not matter.

    Raises:
        OSError: somebody listens there, ``host`` is not an address of this machine, or we may not use the port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def is_taken(port: int, host: str = LOOPBACK) -> bool:
    """Return whether :func:`check_port` would raise."""
    try:
        check_port(port, host)
    except OSError:
        return True
    return False
