"""Start-up of our servers: bind the port before anything else, and exit together with the parent."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from typing import Final

_BACKLOG: Final = 4096
PORT_TAKEN: Final = 3  # exit code of every server of ours


def listen(host: str, port: int, program: str, *, option: str | None = None) -> socket.socket:
    """Return a listening socket, or print the reason and exit the process with code 3.

    Args:
        host: address to bind.
        port: to bind.
        program: whose name begins the reason.
        option: that another address is given with; default: ``host`` or ``port``, whichever is to blame.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        to_blame = "host" if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL else "port"
        sys.stderr.write(f"{program}: port {port} of {host}: {error.strerror}; give another one with --{option or to_blame}\n")
        sys.exit(PORT_TAKEN)
    listener.listen(_BACKLOG)
    return listener


def end_with_stdin() -> None:
    """Exit the process immediately when its standard input ends, which happens when its parent dies."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)
