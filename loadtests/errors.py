"""What can go wrong on this floor, by whose fault it is. A request that fails is no error: it is a record of the run."""

from __future__ import annotations


class LoadTestError(Exception):
    """Base of every error raised by ``loadtests``; the text is shown to the operator as it is."""


class LocustError(LoadTestError):
    """Locust did not start or ended by itself; the text ends with its last words."""
