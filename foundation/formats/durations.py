"""Go's durations, as Kubernetes and providers write them: ``58s``, ``1m30s``, ``120ms``."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|h|m|s)", re.ASCII)
_UNITS_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}


def duration_s(text: object) -> float | None:
    """Return the seconds of a duration; None for anything else.

    >>> duration_s("1m30s"), duration_s("0.5s"), duration_s("soon")
    (90.0, 0.5, None)
    """
    if not isinstance(text, str) or not text or _DURATION.sub("", text):
        return None
    return sum(float(value) * _UNITS_S[unit] for value, unit in _DURATION.findall(text))
