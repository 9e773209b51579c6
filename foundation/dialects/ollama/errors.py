"""Errors of Ollama: a status and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from foundation.dialects.failures.error_body import about_context_length, error_object, words
from foundation.dialects.failures.retry_after import retry_after_s, wait_headers
from foundation.dialects.model.errors import STATUS_OF, ErrorKind, ProviderError, kind_of_status

#: Kinds that the status does not distinguish; our own servers put their names in front of the message.
_NAMED: Final = {
    ErrorKind.CONTENT_FILTER: "content filter: ",
    ErrorKind.QUOTA: "quota: ",
    ErrorKind.TRUNCATED: "truncated: ",
    ErrorKind.MALFORMED: "malformed: ",
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> ProviderError:
    """Read a response with a status other than 200."""
    return error_of(error_object(body), status, retry_after=retry_after_s(headers, now_s=now_s))


def error_of(document: Any, status: int, *, retry_after: float | None = None) -> ProviderError:
    """Read an ``error``; ``status`` is 0 inside a stream."""
    (message,) = words(document)
    kind = kind_of_status(status or 500)
    for named, prefix in _NAMED.items():
        if message.startswith(prefix):
            kind, message = named, message.removeprefix(prefix)
    if kind is ErrorKind.INVALID_REQUEST and about_context_length(message):
        kind = ErrorKind.CONTEXT_LENGTH
    if kind is ErrorKind.INTERNAL and "timed out" in message:
        kind = ErrorKind.TIMEOUT
    return ProviderError(kind, message, status or STATUS_OF[kind], retry_after_s=retry_after)


def encode_error(error: ProviderError) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and document."""
    headers = wait_headers(error.retry_after_s)
    return error.status, headers, {"error": _NAMED.get(error.kind, "") + error.message}
