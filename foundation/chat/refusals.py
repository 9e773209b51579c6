"""Responses that are not event streams: error statuses, redirects, and documents under a success status."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from foundation.chat.failures import document_of, error_in, error_message, one_line
from foundation.measures.outcome import Status

if TYPE_CHECKING:
    from foundation.wire.response import Response

#: A gateway names in it the limit of a tenant that the request is over.
LIMIT_HEADER: Final = "x-gateway-limit"
_FIELDS: Final = (b":", b"data", b"event", b"id", b"retry")
"""The beginnings of an event stream, whatever content type the server declares."""


def refused(response: Response, body: bytes) -> tuple[Status, str]:
    """Classify a response without a success status, and return the server's reason; ``body`` may be truncated."""
    status = response.status
    assert status is not None, "its head has been read"
    if 300 <= status < 400 and (to := _place(response.header(b"location"))):
        return Status.FAILED, f"HTTP {status}: redirected to {to}; give that address as the target"
    why = f"HTTP {status}: {error_message(body) or one_line(response.reason) or 'no message'}"
    if status == HTTPStatus.TOO_MANY_REQUESTS and response.header(LIMIT_HEADER.encode()):
        return Status.LIMITED, why
    # 4xx: the server rejected the request before doing any work, for instance a prompt longer than the context.
    return (Status.REJECTED if 400 <= status < 500 else Status.FAILED), why


def no_stream(response: Response, body: bytes) -> str | None:
    """Return what came under a success status instead of a stream; None if ``body`` is the beginning of one."""
    if not body.strip():
        return None
    document = document_of(body)
    if error := error_in(document) or next(filter(None, map(error_in, map(document_of, body.split(b"\n")))), None):
        return f"HTTP {response.status}, and an error in place of the stream: {error}"
    kind = response.header(b"content-type").partition(";")[0].strip().lower()
    if document is None and (kind == "text/event-stream" or body.lstrip().startswith(_FIELDS)):
        return None
    begins = one_line(body.decode("utf-8", "replace"))[:80]
    return f"HTTP {response.status}, but no stream of events: {kind or 'a body'} that begins {begins!r}"


def _place(location: str) -> str:
    """Return the target of a redirect without possible secrets; empty if there is none."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    scheme = f"{parts.scheme}:" if parts.scheme else ""
    return one_line(f"{scheme}//{host}{parts.path}" if host else parts.path)
