"""Errors of the command line itself."""

from __future__ import annotations


class SandtableError(Exception):
    """Base class; the text is shown to the operator as it is."""


class UsageError(SandtableError):
    """An option is invalid."""


class MissingError(SandtableError):
    """The output of an earlier command is missing."""


class PolicyDeniesError(SandtableError):
    """A policy denies the deployment."""
