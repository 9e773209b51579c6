"""Server-sent events from bytes (WHATWG HTML, sections 9.2.5 and 9.2.6).

Rule 1: no socket and no clock: bytes go in with :meth:`EventStream.feed`, complete events come out, however the input was split.
Rule 2: lines end with LF, CR LF or CR; one byte order mark at the start is skipped; the data of an event are its ``data`` lines joined by
LF; an event that the end of the stream cuts off does not count, but :meth:`EventStream.end` returns it.
Rule 3: the standard ignores comments, fields that it does not know and events without data. Servers report failures in all three, so they
are kept (:attr:`Event.ignored`), and a block without data is returned with ``data`` None.
Rule 4: splitting into blocks and parsing a block are two steps, because a caller that recognises a block need not parse it: the cost of a
frame limits the rate that can be measured.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from foundation.wire.errors import ProtocolError

_MAX_EVENT: Final = 32 * 1024 * 1024  # a generated image in base64
_BOM: Final = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event. ``data`` is UTF-8, None for a block without data; ``name`` is ``message`` if the server gives none.

    ``ignored`` holds the lines that the standard ignores: comments, and fields that it does not know.
    """

    data: bytes | None
    name: bytes = b"message"
    ignored: tuple[bytes, ...] = ()


class EventStream:
    """One stream. ``last_id`` and ``retry_ms`` are what a client would need to reconnect."""

    __slots__ = ("_rest", "_skip_lf", "_started", "last_id", "retry_ms")

    def __init__(self) -> None:
        self.last_id = b""
        self.retry_ms: int | None = None
        self._rest = b""
        self._skip_lf = False
        self._started = False

    def feed(self, body: bytes) -> list[Event]:
        """Process bytes of the body and return the events that they complete.

        Raises:
            ProtocolError: an event is longer than 32 MiB.
        """
        return [event for block in self.blocks(body) if (event := self.event(block)) is not None]

    def blocks(self, body: bytes) -> list[bytes]:
        """Process bytes of the body and return the blocks of lines that they complete, for :meth:`event`; lines end with LF.

        Raises:
            ProtocolError: an event is longer than 4 MiB.
        """
        if self._skip_lf and body:
            self._skip_lf = False
            body = body.removeprefix(b"\n")
        if b"\r" in body:
            # A CR at the end already is a line end; an LF that follows belongs to it.
            self._skip_lf = body.endswith(b"\r")
            body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        data = self._rest + body if self._rest else body
        if not self._started:
            if len(data) < 3 and _BOM.startswith(data):
                self._rest = data
                return []
            self._started = True
            data = data.removeprefix(_BOM)
        blocks = data.split(b"\n\n")
        self._rest = blocks.pop()
        if len(self._rest) > _MAX_EVENT:
            self._rest = b""
            raise ProtocolError(f"a server-sent event is longer than {_MAX_EVENT} bytes")
        return blocks

    def end(self) -> Event | None:
        """Handle the end of the stream; return the event that it cuts off, which the standard discards."""
        rest, self._rest = self._rest, b""
        return self.event(rest)

    def event(self, block: bytes) -> Event | None:
        """Parse one block; None if it is empty. A leading LF, left over from the previous blank line, has no effect."""
        if block.startswith(b"data: ") and b"\n" not in block:
            return Event(block[6:])
        data: list[bytes] = []
        ignored: list[bytes] = []
        name = b""
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            match field:
                case b"data":
                    data.append(value)
                case b"event":
                    name = value
                case b"id":
                    if b"\0" not in value:
                        self.last_id = value
                case b"retry":
                    if value.isdigit():
                        self.retry_ms = int(value[:9])
                case _ if line:
                    ignored.append(line)
        if not (data or ignored or name):
            return None
        return Event(b"\n".join(data) if data else None, name or b"message", tuple(ignored))
