"""Newline-delimited JSON from bytes: one document per line, Ollama's format of streamed responses.

Lines end with LF or CR LF; blank ones are skipped. The caller parses the lines.
"""

from __future__ import annotations

from typing import Final

from foundation.wire.errors import ProtocolError

_MAX_LINE: Final = 32 * 1024 * 1024


class Lines:
    """One stream of lines. No socket and no clock: bytes go in, complete lines come out, however the input was split."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, body: bytes) -> list[bytes]:
        """Process bytes and return the lines that they complete, without line ends.

        Raises:
            ProtocolError: a line is longer than 32 MiB.
        """
        lines = (self._rest + body).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _MAX_LINE:
            self._rest = b""
            raise ProtocolError(f"a line is longer than {_MAX_LINE} bytes")
        return [stripped for line in lines if (stripped := line.strip())]

    def end(self) -> list[bytes]:
        """Handle the end of the stream; return the last line if it had no line end."""
        rest, self._rest = self._rest.strip(), b""
        return [rest] if rest else []
