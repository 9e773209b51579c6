"""The reaction to each failure, as a table of (provider, status, type, code).

Rule 1: the most specific row decides; without a matching row, the kind of the error does.
Rule 2: client errors are neither retried nor sent elsewhere; content rejected by a filter never goes to another provider.
Rule 3: the provider's own advice (``x-should-retry``) decides between retrying and failing over, but never overrides Rule 2.
"""

from __future__ import annotations

import enum
from typing import Final

from foundation.dialects.model.errors import ErrorKind, ProviderError


class Action(enum.StrEnum):
    """What is done next."""

    RETRY = "retry"  # retry here after a delay, then elsewhere
    FALL_BACK = "fall back"  # elsewhere, immediately
    FAIL = "fail"  # the client's own fault
    NEVER = "never"  # elsewhere would be wrong


#: What is done about a kind of error.
BY_KIND: Final[dict[ErrorKind, Action]] = {
    ErrorKind.AUTHENTICATION: Action.FALL_BACK,  # the gateway's own key, not the client's
    ErrorKind.PERMISSION: Action.FALL_BACK,
    ErrorKind.INVALID_REQUEST: Action.FAIL,
    ErrorKind.NOT_FOUND: Action.FALL_BACK,
    ErrorKind.REQUEST_TOO_LARGE: Action.FALL_BACK,
    ErrorKind.CONTEXT_LENGTH: Action.FAIL,  # a larger model would do, and `context` in a route says which
    ErrorKind.CONTENT_FILTER: Action.NEVER,
    ErrorKind.RATE_LIMIT: Action.RETRY,
    ErrorKind.QUOTA: Action.FALL_BACK,
    ErrorKind.CONFLICT: Action.RETRY,
    ErrorKind.OVERLOADED: Action.RETRY,
    ErrorKind.TIMEOUT: Action.FALL_BACK,  # it has used up the time for a retry here
    ErrorKind.CONNECTION: Action.RETRY,
    ErrorKind.TRUNCATED: Action.RETRY,
    ErrorKind.MALFORMED: Action.RETRY,
    ErrorKind.INTERNAL: Action.RETRY,
}

#: (provider, status, type, code) → action; ``*`` and 0 stand for any.
ROWS: Final[dict[tuple[str, int, str, str], Action]] = {
    ("anthropic", 429, "rate_limit_error", "enforced_spend_limit_reached"): Action.FALL_BACK,
    ("anthropic", 402, "billing_error", "*"): Action.FALL_BACK,
    ("anthropic", 408, "*", "*"): Action.RETRY,
    ("anthropic", 504, "*", "*"): Action.FALL_BACK,
    ("openai", 429, "*", "insufficient_quota"): Action.FALL_BACK,
    ("openai", 408, "*", "*"): Action.RETRY,
    ("gemini", 400, "FAILED_PRECONDITION", "*"): Action.FALL_BACK,  # the region or the billing account is not allowed
    ("gemini", 504, "DEADLINE_EXCEEDED", "*"): Action.FALL_BACK,
    ("*", 501, "*", "*"): Action.FALL_BACK,
    ("*", 505, "*", "*"): Action.FALL_BACK,
}

_SETTLED: Final = frozenset({ErrorKind.QUOTA, ErrorKind.CONTENT_FILTER})


def action_for(provider: str, error: ProviderError) -> Action:
    """Return what is done about ``error`` of a provider's dialect."""
    decided = BY_KIND[error.kind] if error.kind in _SETTLED else _row(provider, error) or BY_KIND[error.kind]
    if error.should_retry is None or decided in (Action.FAIL, Action.NEVER):
        return decided
    return Action.RETRY if error.should_retry and error.kind not in _SETTLED else Action.FALL_BACK


def _row(provider: str, error: ProviderError) -> Action | None:
    for name in (provider, "*"):
        for kind in (error.type, "*"):
            for code in (error.code, "*"):
                if (action := ROWS.get((name, error.status, kind, code))) is not None:
                    return action
    return None
