"""Errors of load tests, by cause. A failed request is not an error: it is a record of the run."""

from __future__ import annotations


class LoadTestError(Exception):
    """Base of every error raised by ``loadtests``; the text is shown to the operator unchanged."""


class LocustError(LoadTestError):
    """Locust did not start or exited early; the text ends with the last lines of its output."""
