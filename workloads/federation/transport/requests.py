"""The head of an HTTP/1.1 request from bytes (RFC 9112, sections 3 and 5), as strict as a server between two of our programs can be.

One way to say how long a body is: Content-Length. Whatever two readers could understand differently is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from workloads.federation.errors import WireError

#: What the headers of ours mean: the process that sends, the number of its message, what it has received (process and number).
PROCESS: Final = "sandtable-process"
SEQUENCE: Final = "sandtable-sequence"
SEEN: Final = "sandtable-seen"
PATH: Final = "/v1/messages"
#: Longest head.
HEAD_BYTES: Final = 8192

_LINE: Final = re.compile(r"(GET|POST) ([!-~]+) HTTP/1\.1")
_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~]*?)[ \t]*")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_SEEN: Final = re.compile(r"([0-9a-f]{16}):([0-9]{1,15})")
_WAIT: Final = re.compile(r"wait=([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.number("content-length", 0)

    @property
    def wait_s(self) -> int:
        """Seconds that the client prefers to wait for an answer (RFC 7240, section 4.3)."""
        found = _WAIT.fullmatch(self.headers.get("prefer", ""))
        return int(found[1]) if found else 0

    @property
    def seen(self) -> tuple[str, int]:
        """The server's process that the client knows, and the last number that it received from it."""
        found = _SEEN.fullmatch(self.headers.get(SEEN, ""))
        return (found[1], int(found[2])) if found else ("", 0)

    def number(self, name: str, otherwise: int) -> int:
        """Return a header that is a number.

        Raises:
            WireError: it is not one.
        """
        text = self.headers.get(name, str(otherwise))
        if not _NUMBER.fullmatch(text):
            raise WireError(f"the header {name} is not a number")
        return int(text)


def read_head(data: bytes) -> Head:
    """Return the head of a request; ``data`` ends with its empty line.

    Raises:
        WireError: it is not a request as our clients send it.
    """
    first, *rest = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise WireError("this is no request of a client of a federation")
    headers: dict[str, str] = {}
    for each in rest:
        field = _FIELD.fullmatch(each)
        if field is None or field[1].lower() in headers:
            raise WireError("a header is malformed, or stands twice")
        headers[field[1].lower()] = field[2]
    if "transfer-encoding" in headers or "host" not in headers:
        raise WireError("a request needs Host and has no Transfer-Encoding")
    return Head(line[1], line[2], headers)


def answer(status: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of a response; ``status`` is its number and phrase."""
    length = {} if status.startswith("204") else {"Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in {**headers, **length}.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
