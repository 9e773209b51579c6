"""Errors of the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from foundation.dialects.failures.error_body import about_context_length, error_object, should_retry, words
from foundation.dialects.failures.retry_after import retry_after_s, wait_headers
from foundation.dialects.model.errors import STATUS_OF, ErrorKind, ProviderError, kind_of_status

_KIND_OF_TYPE: Final = {
    "invalid_request_error": ErrorKind.INVALID_REQUEST,
    "authentication_error": ErrorKind.AUTHENTICATION,
    "billing_error": ErrorKind.QUOTA,
    "permission_error": ErrorKind.PERMISSION,
    "not_found_error": ErrorKind.NOT_FOUND,
    "timeout_error": ErrorKind.TIMEOUT,
    "conflict_error": ErrorKind.CONFLICT,
    "request_too_large": ErrorKind.REQUEST_TOO_LARGE,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "api_error": ErrorKind.INTERNAL,
    "overloaded_error": ErrorKind.OVERLOADED,
}
#: A spend limit looks like a rate limit but lasts until the end of the month.
_KIND_OF_CODE: Final = {
    "enforced_spend_limit_reached": ErrorKind.QUOTA,
    "context_length": ErrorKind.CONTEXT_LENGTH,
    "content_filter": ErrorKind.CONTENT_FILTER,
    "upstream_truncated": ErrorKind.TRUNCATED,
    "upstream_malformed": ErrorKind.MALFORMED,
    "upstream_connection": ErrorKind.CONNECTION,
}
_TYPE_OF: Final = {
    **{kind: name for name, kind in _KIND_OF_TYPE.items()},
    ErrorKind.QUOTA: "rate_limit_error",
    ErrorKind.CONTEXT_LENGTH: "invalid_request_error",
    ErrorKind.CONTENT_FILTER: "invalid_request_error",
    ErrorKind.CONNECTION: "api_error",
    ErrorKind.TRUNCATED: "api_error",
    ErrorKind.MALFORMED: "api_error",
}
_CODE_OF: Final = {kind: code for code, kind in _KIND_OF_CODE.items()}
_OVERLOADED: Final = 529


def decode_error(status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> ProviderError:
    """Read a response with a status other than 200."""
    return error_of(
        error_object(body),
        status,
        retry_after=retry_after_s(headers, now_s=now_s),
        request_id=headers.get("request-id", ""),
        retry=should_retry(headers),
    )


def error_of(
    document: Any, status: int, *, retry_after: float | None = None, request_id: str = "", retry: bool | None = None
) -> ProviderError:
    """Read an ``error`` object; ``status`` is 0 inside a stream."""
    message, kind_word = words(document, "type")
    details = document.get("details") if isinstance(document, dict) else None
    code = str(details.get("error_code") or "") if isinstance(details, dict) else ""
    kind = _KIND_OF_CODE.get(code) or _KIND_OF_TYPE.get(kind_word) or kind_of_status(status or 500)
    if kind is ErrorKind.INVALID_REQUEST and about_context_length(message):
        kind = ErrorKind.CONTEXT_LENGTH
    return ProviderError(kind, message, status or _status(kind), kind_word, code, retry_after, request_id=request_id, should_retry=retry)


def _status(kind: ErrorKind) -> int:
    return _OVERLOADED if kind is ErrorKind.OVERLOADED else STATUS_OF[kind]


def encode_error(error: ProviderError) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and document."""
    inner: dict[str, Any] = {"type": _TYPE_OF[error.kind], "message": error.message}
    if code := error.code if error.code in _KIND_OF_CODE else _CODE_OF.get(error.kind):
        inner["details"] = {"error_code": code}
    document: dict[str, Any] = {"type": "error", "error": inner}
    headers = wait_headers(error.retry_after_s)
    if error.request_id:
        document["request_id"] = headers["request-id"] = error.request_id
    return error.status, headers, document
