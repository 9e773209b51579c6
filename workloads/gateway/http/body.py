"""Reads a client's body, compressed or not, with limits on size and time."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from foundation.dialects.model.errors import ErrorKind, RequestError

Receive: TypeAlias = Callable[[], Awaitable[Any]]


class ClientGoneError(Exception):
    """The client closed the connection."""


class BodyTimeoutError(Exception):
    """The body did not arrive in time."""


async def read_body(receive: Receive, *, whole: bool, coding: str, announced: str, most_bytes: int, timeout_s: float) -> bytes:
    """Return the decompressed body; one that is already ``whole`` needs no timer.

    Raises:
        RequestError: it is too large, or its content coding is unknown or corrupt.
        BodyTimeoutError: it took longer than ``timeout_s``.
        ClientGoneError: the client left.
    """
    if announced.isdigit() and int(announced) > most_bytes:
        raise _too_large(most_bytes)
    if whole:
        body = await _all(receive, most_bytes)
    else:
        try:
            async with asyncio.timeout(timeout_s):
                body = await _all(receive, most_bytes)
        except TimeoutError:
            raise BodyTimeoutError from None
    return body if coding in ("", "identity") else _unpack(body, coding, most_bytes)


async def drop_body(receive: Receive, *, within_s: float) -> bool:
    """Read what is left of a body and forget it, for a bounded time; return whether that was all of it.

    If a server closes a connection on which bytes are unread, TCP resets it, and the client may lose an answer that it has not read yet
    (RFC 9112, section 9.6).
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass
            return True
    return False


async def _all(receive: Receive, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > most_bytes:
            raise _too_large(most_bytes)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _too_large(most_bytes: int) -> RequestError:
    return RequestError(f"the body is larger than {most_bytes} bytes", ErrorKind.REQUEST_TOO_LARGE)


def _unpack(body: bytes, coding: str, most_bytes: int) -> bytes:
    """Decompress up to the size limit, regardless of the compressed size."""
    if coding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise RequestError(f"content-encoding {coding[:30]!r} is not known; send gzip, deflate or none")
    unpacker = zlib.decompressobj(wbits=47)
    try:
        plain = unpacker.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise RequestError(f"the body is not {coding[:30]}: {error}") from None
    if len(plain) > most_bytes or unpacker.unconsumed_tail:
        raise _too_large(most_bytes)
    if not unpacker.eof:
        raise RequestError(f"the body's {coding[:30]} is cut off")
    return plain
