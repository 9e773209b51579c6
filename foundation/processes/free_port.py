"""Free ports for our servers. Only the server's own bind is certain: another program may take the port in between."""

from __future__ import annotations

import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"


def free_port(host: str = LOOPBACK) -> int:
    """Return a port of ``host`` that is currently free."""
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def check_port(port: int, host: str = LOOPBACK) -> None:
    """Raise unless a server could listen on ``port``. Connections of an earlier server that are still closing do not matter.

    Raises:
        OSError: another process listens there, ``host`` is not an address of this machine, or the port is not permitted.
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
