"""How long a provider asks clients to wait before a retry, in all its forms.

Forms: ``retry-after-ms`` (Anthropic, OpenAI), ``retry-after`` in seconds or as an HTTP date (RFC 9110, section 10.2.3), Gemini's
``RetryInfo.retryDelay``, and for a rate limit without any of these the reset of the exhausted bucket (``x-ratelimit-reset-*`` as a Go
duration, ``anthropic-ratelimit-*-reset`` as an RFC 3339 time).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from foundation.formats.durations import duration_s

_LIMITS: Final = ("requests", "tokens", "input-tokens", "output-tokens")


def retry_after_s(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """Return the delay in seconds from ``now_s``, never negative; None if the headers have none that can be parsed."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1e3
    if (text := headers.get("retry-after")) is not None:
        seconds = _number(text)
        if seconds is not None:
            return seconds
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - _server_time(headers, now_s))
        except (ValueError, OverflowError):
            pass
    return _exhausted_bucket(headers, now_s)


def wait_headers(seconds: float | None) -> dict[str, str]:
    """Return the headers that ask a client to wait.

    ``retry-after`` is in whole seconds, rounded up, the only number that RFC 9110 allows; a fraction is beside it in ``retry-after-ms``.
    """
    if seconds is None:
        return {}
    whole = {"retry-after": str(math.ceil(seconds))}
    return whole if seconds == math.ceil(seconds) else {**whole, "retry-after-ms": decimal(seconds * 1e3)}


def decimal(value: float) -> str:
    """Return a number without an exponent, to three decimals."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


def _server_time(headers: Mapping[str, str], now_s: float) -> float:
    """Return the server's time from its ``date`` header if there is one, else ours."""
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return now_s


def _exhausted_bucket(headers: Mapping[str, str], now_s: float) -> float | None:
    waits = []
    for limit in _LIMITS:
        for prefix, suffix in (("x-ratelimit-remaining-", "x-ratelimit-reset-"), ("anthropic-ratelimit-", "anthropic-ratelimit-")):
            anthropic = prefix == suffix
            remaining = headers.get(f"{prefix}{limit}-remaining" if anthropic else f"{prefix}{limit}")
            reset = headers.get(f"{suffix}{limit}-reset" if anthropic else f"{suffix}{limit}")
            if remaining != "0" or reset is None:
                continue
            wait = _until(reset, now_s) if anthropic else duration_s(reset)
            if wait is not None:
                waits.append(wait)
    return max(waits, default=None)


def _until(text: str, now_s: float) -> float | None:
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp() - now_s)
    except ValueError:
        return None
