"""Errors in the requested traffic; every text says how to fix it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class PlanTooLongError(ConfigurationError):
    """Rate times duration exceeds the limit of a plan."""

    def __init__(self, requests: float, limit: int) -> None:
        super().__init__(
            f"traffic: rate_per_s x duration_s gives {requests:,.0f} requests, the limit is {limit:,}; lower `rate_per_s` or `duration_s`"
        )


class TraceError(ConfigurationError):
    """A trace cannot be replayed. ``path`` is the file."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(f"trace {path}: {problem}")


class UnreadableTraceError(TraceError):
    """The file is missing, unreadable or not text; ``fix`` explains where it was looked for."""

    def __init__(self, path: Path, why: str, fix: str = "") -> None:
        self.why = why
        super().__init__(path, f"cannot be read: {why}{f'; {fix}' if fix else ''}")


class UnknownTraceFormatError(TraceError):
    """The file is text, but in neither of the known formats; ``found`` lists its columns."""

    def __init__(self, path: Path, found: Sequence[str], formats: Sequence[Sequence[str]]) -> None:
        self.found = tuple(found)
        wanted = min(formats, key=lambda columns: len(set(columns) - set(found)))
        shown = [name if len(name) <= 40 else name[:39] + "…" for name in found[:12]]
        nearest = [
            f"{name!r} is probably {match[0]!r}"
            for name in shown
            if name not in wanted and (match := difflib.get_close_matches(name.strip(), wanted, n=1, cutoff=0.6))
        ]
        super().__init__(
            path,
            f"unknown format; columns found: {', '.join(shown) or 'none'}; wanted: "
            + ", or ".join(" ".join(columns) for columns in formats)
            + (f" ({'; '.join(nearest)})" if nearest else ""),
        )


class EmptyTraceError(TraceError):
    """The file has no row that can be replayed."""

    def __init__(self, path: Path, *, bad: int) -> None:
        super().__init__(path, f"no usable row ({bad} bad ones)" if bad else "no rows")


class BadTraceRowsError(TraceError):
    """Some rows cannot be replayed: ``bad`` of ``total``; the first is described."""

    def __init__(self, path: Path, *, bad: int, total: int, first: str) -> None:
        self.bad, self.total = bad, total
        super().__init__(
            path,
            f"{bad} of {total} rows {'is' if bad == 1 else 'are'} bad; the first is {first}. "
            "Correct the file, or skip these rows with --skip-bad-rows",
        )
