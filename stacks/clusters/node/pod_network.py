"""The network of a pod, from inside it: connections that leave as the pod's own, and names as the pod resolves them.

A thread enters the pod's network namespace (setns(2)); the sockets that it opens belong to that namespace for good, whichever thread uses
them later. Nothing is deployed or run in the pod, so that a pod without a shell can be asked, too. It needs root.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

WITHIN_S: Final = 2.0
_AT_A_TIME: Final = 64
_CLONE_NEWNET: Final = 0x40000000
_A, _IN, _RECURSE = 1, 1, 0x0100
_POINTER: Final = 0xC0


class PodNetwork:
    """The network of the pod with the process ``pid`` (None: this machine's own); a context manager."""

    def __init__(self, pid: int | None) -> None:
        self._threads = ThreadPoolExecutor(_AT_A_TIME, "pod-network", _enter, (pid or os.getpid(),))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._threads.shutdown()

    def open(self, host: str, port: int) -> socket.socket:
        """Return a connection with a timeout of two seconds.

        Raises:
            OSError: there is none.
        """
        return self._threads.submit(_open, host, port).result()

    def attempts(self, places: Iterable[tuple[str, int]]) -> list[str]:
        """Try to connect to each host and port; return ``open``, ``refused``, ``silent`` or the error of each."""
        return list(self._threads.map(_attempt, places))

    def resolve(self, server: str, names: Iterable[str]) -> list[list[str]]:
        """Return the IPv4 addresses of each name, as the DNS server at the address ``server`` knows them.

        Raises:
            OSError: the server does not answer.
        """
        return list(self._threads.map(lambda name: _resolve(server, name), names))


def _enter(pid: int) -> None:
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(namespace)


def _open(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=WITHIN_S)


def _attempt(place: tuple[str, int]) -> str:
    try:
        _open(*place).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except OSError as error:
        return error.strerror or str(error)
    return "open"


def _resolve(server: str, name: str) -> list[str]:
    """Ask for A records (RFC 1035, sections 4.1 and 4.2.1)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack(">HH", _A, _IN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(WITHIN_S)
        connection.connect((server, 53))
        connection.send(struct.pack(">HHHHHH", secrets.randbelow(1 << 16), _RECURSE, 1, 0, 0, 0) + question)
        return addresses(connection.recv(4096), len(question))


def addresses(answer: bytes, question_bytes: int) -> list[str]:
    """Return the IPv4 addresses in a DNS answer to one question of that length."""
    (count,) = struct.unpack(">H", answer[6:8])
    place, found = 12 + question_bytes, []
    for _ in range(count):
        place = _after_name(answer, place)
        kind, _, _, size = struct.unpack(">HHIH", answer[place : place + 10])
        found += [socket.inet_ntoa(answer[place + 10 : place + 10 + size])] if kind == _A else []
        place += 10 + size
    return found


def _after_name(answer: bytes, place: int) -> int:
    while (size := answer[place]) and size < _POINTER:
        place += 1 + size
    return place + (2 if size else 1)  # a pointer of two bytes ends the name, or a zero
