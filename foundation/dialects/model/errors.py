"""Failures between client, gateway and provider, by kind; every dialect maps its own names to these and back."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from foundation.errors import FoundationError


class ErrorKind(enum.StrEnum):
    """The kinds of failure; the gateway's retry table defines the reaction to each."""

    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    REQUEST_TOO_LARGE = "request_too_large"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    RATE_LIMIT = "rate_limit"  # transient
    QUOTA = "quota"  # does not pass within a request's lifetime: spend limits, daily quotas, billing
    CONFLICT = "conflict"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class ProviderError:
    """One failure. ``status`` is the HTTP status for the client; ``type`` and ``code`` are the provider's own names.

    ``limit`` is the exceeded rate limit (``requests``, ``input_tokens``, ``output_tokens``, ``tokens``), ``phase`` the phase of a timeout
    (``connect``, ``first_byte``, ``first_token``, ``idle``, ``total``); ``should_retry`` is the provider's own advice.
    """

    kind: ErrorKind
    message: str
    status: int = 500
    type: str = ""
    code: str = ""
    retry_after_s: float | None = None
    limit: str = ""
    phase: str = ""
    request_id: str = ""
    should_retry: bool | None = None


#: Kind → status if no provider gave one.
STATUS_OF: dict[ErrorKind, int] = {
    ErrorKind.AUTHENTICATION: 401,
    ErrorKind.PERMISSION: 403,
    ErrorKind.INVALID_REQUEST: 400,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.REQUEST_TOO_LARGE: 413,
    ErrorKind.CONTEXT_LENGTH: 400,
    ErrorKind.CONTENT_FILTER: 400,
    ErrorKind.RATE_LIMIT: 429,
    ErrorKind.QUOTA: 429,
    ErrorKind.CONFLICT: 409,
    ErrorKind.OVERLOADED: 503,
    ErrorKind.TIMEOUT: 504,
    ErrorKind.CONNECTION: 502,
    ErrorKind.TRUNCATED: 502,
    ErrorKind.MALFORMED: 502,
    ErrorKind.INTERNAL: 500,
}

_KIND_OF_STATUS = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.AUTHENTICATION,
    402: ErrorKind.QUOTA,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.CONFLICT,
    413: ErrorKind.REQUEST_TOO_LARGE,
    422: ErrorKind.INVALID_REQUEST,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}


def kind_of_status(status: int) -> ErrorKind:
    """Return the kind of a failure of which only the status is known."""
    return _KIND_OF_STATUS.get(status) or (ErrorKind.INVALID_REQUEST if 400 <= status < 500 else ErrorKind.INTERNAL)


class RequestError(FoundationError):
    """A client's document is not a valid request, or has unsupported content; the message names the place and the remedy."""

    def __init__(self, message: str, kind: ErrorKind = ErrorKind.INVALID_REQUEST) -> None:
        super().__init__(message)
        self.kind = kind


class MalformedAnswerError(FoundationError):
    """A provider's document is not a response of its dialect."""
