"""Errors of Google's APIs: a canonical status, and details, among which ``RetryInfo`` gives the retry delay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from foundation.dialects.failures.error_body import about_context_length, error_object, words
from foundation.dialects.failures.retry_after import decimal, retry_after_s, wait_headers
from foundation.dialects.model.errors import STATUS_OF, ErrorKind, ProviderError, kind_of_status
from foundation.formats.durations import duration_s

_KIND_OF_STATUS: Final = {
    "INVALID_ARGUMENT": ErrorKind.INVALID_REQUEST,
    "FAILED_PRECONDITION": ErrorKind.PERMISSION,
    "OUT_OF_RANGE": ErrorKind.INVALID_REQUEST,
    "UNAUTHENTICATED": ErrorKind.AUTHENTICATION,
    "PERMISSION_DENIED": ErrorKind.PERMISSION,
    "NOT_FOUND": ErrorKind.NOT_FOUND,
    "ABORTED": ErrorKind.CONFLICT,
    "RESOURCE_EXHAUSTED": ErrorKind.RATE_LIMIT,
    "INTERNAL": ErrorKind.INTERNAL,
    "UNKNOWN": ErrorKind.INTERNAL,
    "DATA_LOSS": ErrorKind.TRUNCATED,
    "UNAVAILABLE": ErrorKind.OVERLOADED,
    "DEADLINE_EXCEEDED": ErrorKind.TIMEOUT,
}
_STATUS_OF_KIND: Final = {
    ErrorKind.INVALID_REQUEST: "INVALID_ARGUMENT",
    ErrorKind.CONTEXT_LENGTH: "INVALID_ARGUMENT",
    ErrorKind.CONTENT_FILTER: "INVALID_ARGUMENT",
    ErrorKind.REQUEST_TOO_LARGE: "INVALID_ARGUMENT",
    ErrorKind.AUTHENTICATION: "UNAUTHENTICATED",
    ErrorKind.PERMISSION: "PERMISSION_DENIED",
    ErrorKind.NOT_FOUND: "NOT_FOUND",
    ErrorKind.CONFLICT: "ABORTED",
    ErrorKind.RATE_LIMIT: "RESOURCE_EXHAUSTED",
    ErrorKind.QUOTA: "RESOURCE_EXHAUSTED",
    ErrorKind.OVERLOADED: "UNAVAILABLE",
    ErrorKind.CONNECTION: "UNAVAILABLE",
    ErrorKind.TIMEOUT: "DEADLINE_EXCEEDED",
    ErrorKind.TRUNCATED: "DATA_LOSS",
    ErrorKind.MALFORMED: "INTERNAL",
    ErrorKind.INTERNAL: "INTERNAL",
}
_TYPE: Final = "type.googleapis.com/google.rpc."
#: Kinds that the canonical status does not distinguish; only our own servers name them.
_REASON_OF: Final = {
    ErrorKind.CONTENT_FILTER: "CONTENT_FILTER",
    ErrorKind.CONTEXT_LENGTH: "CONTEXT_LENGTH_EXCEEDED",
    ErrorKind.REQUEST_TOO_LARGE: "REQUEST_TOO_LARGE",
    ErrorKind.MALFORMED: "UPSTREAM_MALFORMED",
}
_KIND_OF_REASON: Final = {
    **{reason: kind for kind, reason in _REASON_OF.items()},
    "API_KEY_INVALID": ErrorKind.AUTHENTICATION,  # with the generic status INVALID_ARGUMENT
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> ProviderError:
    """Read a response with a status other than 200."""
    return error_of(error_object(body), status, retry_after=retry_after_s(headers, now_s=now_s))


def error_of(document: Any, status: int, *, retry_after: float | None = None) -> ProviderError:
    """Read an ``error`` object; ``status`` is 0 inside a stream."""
    message, canonical, code = words(document, "status", "code")
    if not status and code.isdigit() and 400 <= int(code) < 600:
        status = int(code)
    kind = _KIND_OF_STATUS.get(canonical) or kind_of_status(status or 500)
    details = document.get("details") if isinstance(document, dict) else None
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        name = str(detail.get("@type", "")).removeprefix(_TYPE)
        if name == "RetryInfo" and (wait := duration_s(detail.get("retryDelay"))) is not None:
            retry_after = wait
        elif name == "QuotaFailure" and "PerDay" in str(detail):
            kind = ErrorKind.QUOTA  # a daily quota does not reset within a request's lifetime
        elif name == "ErrorInfo":
            kind = _KIND_OF_REASON.get(str(detail.get("reason")), kind)
    if kind is ErrorKind.INVALID_REQUEST and about_context_length(message):
        kind = ErrorKind.CONTEXT_LENGTH
    return ProviderError(kind, message, status or STATUS_OF[kind], canonical, code, retry_after)


def encode_error(error: ProviderError) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and document."""
    details: list[dict[str, Any]] = []
    headers = wait_headers(error.retry_after_s)
    if error.retry_after_s is not None:
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{decimal(error.retry_after_s)}s"})
    if error.kind is ErrorKind.QUOTA:
        details.append({"@type": _TYPE + "QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]})
    if reason := _REASON_OF.get(error.kind):
        details.append({"@type": _TYPE + "ErrorInfo", "reason": reason})
    inner: dict[str, Any] = {"code": error.status, "message": error.message, "status": _STATUS_OF_KIND[error.kind]}
    return error.status, headers, {"error": {**inner, "details": details} if details else inner}
