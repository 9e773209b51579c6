"""Errors of coordination, by what the caller may do next (definite and indefinite, as Maelstrom has them)."""

from __future__ import annotations


class CoordinationError(Exception):
    """Base; its text can be shown to an operator unchanged."""


class UnavailableError(CoordinationError):
    """Nothing was done: no member could be reached, or none leads. It may be asked again."""


class UnknownOutcomeError(CoordinationError):
    """It may have been done, or may still be. Read before it is asked again."""


class RefusedError(CoordinationError):
    """It will never be done as it is: a key or a value is too long, or the caller has no right to it."""


class LeaseLostError(CoordinationError):
    """The lease has run out or was revoked; its keys are gone."""


class CompactedError(CoordinationError):
    """The changes that a watch would begin with are not kept any more: list the keys, and watch from there."""


class SlowWatcherError(CoordinationError):
    """The watcher took too long to read its changes; watch again from the last one that was read."""
