"""Errors that only the command line can make."""

from __future__ import annotations


class SandtableError(Exception):
    """Base; the text is fit to be shown to an operator as it is."""


class UsageError(SandtableError):
    """An option cannot be meant."""


class MissingError(SandtableError):
    """Something that an earlier command makes is not there."""


class PolicyDeniesError(SandtableError):
    """A policy denies what was about to be deployed."""
