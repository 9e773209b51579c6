"""Errors of OpenAI and of compatible engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from foundation.dialects.failures.error_body import about_context_length, error_object, should_retry, words
from foundation.dialects.failures.retry_after import retry_after_s, wait_headers
from foundation.dialects.model.errors import STATUS_OF, ErrorKind, ProviderError, kind_of_status

_KIND_OF_CODE: Final = {
    "context_length_exceeded": ErrorKind.CONTEXT_LENGTH,
    "exceed_context_size_error": ErrorKind.CONTEXT_LENGTH,  # llama.cpp, as its type
    "string_above_max_length": ErrorKind.CONTEXT_LENGTH,
    "content_filter": ErrorKind.CONTENT_FILTER,
    "content_policy_violation": ErrorKind.CONTENT_FILTER,
    "insufficient_quota": ErrorKind.QUOTA,
    "billing_hard_limit_reached": ErrorKind.QUOTA,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "invalid_api_key": ErrorKind.AUTHENTICATION,
    "authentication_error": ErrorKind.AUTHENTICATION,
    "permission_error": ErrorKind.PERMISSION,
    "model_not_found": ErrorKind.NOT_FOUND,
    "not_found_error": ErrorKind.NOT_FOUND,
    "unavailable_error": ErrorKind.OVERLOADED,  # llama.cpp while it loads
    "server_overloaded": ErrorKind.OVERLOADED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "timeout_error": ErrorKind.TIMEOUT,
    "upstream_truncated": ErrorKind.TRUNCATED,
    "upstream_malformed": ErrorKind.MALFORMED,
    "upstream_connection": ErrorKind.CONNECTION,
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "server_error": ErrorKind.INTERNAL,
}
#: Kind → (type, code) as OpenAI writes them.
_WORDS: Final[dict[ErrorKind, tuple[str, str | None]]] = {
    ErrorKind.AUTHENTICATION: ("invalid_request_error", "invalid_api_key"),
    ErrorKind.PERMISSION: ("permission_error", None),
    ErrorKind.INVALID_REQUEST: ("invalid_request_error", None),
    ErrorKind.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    ErrorKind.REQUEST_TOO_LARGE: ("invalid_request_error", "request_too_large"),
    ErrorKind.CONTEXT_LENGTH: ("invalid_request_error", "context_length_exceeded"),
    ErrorKind.CONTENT_FILTER: ("invalid_request_error", "content_filter"),
    ErrorKind.RATE_LIMIT: ("requests", "rate_limit_exceeded"),
    ErrorKind.QUOTA: ("insufficient_quota", "insufficient_quota"),
    ErrorKind.CONFLICT: ("conflict_error", None),
    ErrorKind.OVERLOADED: ("server_error", "server_overloaded"),
    ErrorKind.TIMEOUT: ("timeout_error", "timeout"),
    ErrorKind.CONNECTION: ("server_error", "upstream_connection"),
    ErrorKind.TRUNCATED: ("server_error", "upstream_truncated"),
    ErrorKind.MALFORMED: ("server_error", "upstream_malformed"),
    ErrorKind.INTERNAL: ("server_error", None),
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> ProviderError:
    """Read a response with a status other than 200."""
    wait = retry_after_s(headers, now_s=now_s)
    return error_of(error_object(body), status, retry_after=wait, request_id=headers.get("x-request-id", ""), retry=should_retry(headers))


def error_of(
    document: Any, status: int, *, retry_after: float | None = None, request_id: str = "", retry: bool | None = None
) -> ProviderError:
    """Read an ``error`` object; ``status`` is 0 inside a stream."""
    message, kind_word, code = words(document, "type", "code")
    if not status and code.isdigit() and 400 <= int(code) < 600:
        status = int(code)  # llama.cpp writes the status into the object
    kind = _KIND_OF_CODE.get(code) or _KIND_OF_CODE.get(kind_word)
    if kind is None or (kind is ErrorKind.INVALID_REQUEST and status):
        kind = kind_of_status(status or 500)
    if kind is ErrorKind.INVALID_REQUEST and about_context_length(message):
        kind = ErrorKind.CONTEXT_LENGTH
    return ProviderError(kind, message, status or STATUS_OF[kind], kind_word, code, retry_after, request_id=request_id, should_retry=retry)


def encode_error(error: ProviderError) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and document."""
    kind, code = _WORDS[error.kind]
    headers = wait_headers(error.retry_after_s)
    return error.status, headers, {"error": {"message": error.message, "type": kind, "param": None, "code": code}}
