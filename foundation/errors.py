"""Errors of this floor, by cause; the command line maps each to an exit code."""

from __future__ import annotations


class FoundationError(Exception):
    """Base of every error raised by ``foundation``; the text is shown to the operator as it is."""


class DocumentError(FoundationError):
    """A document cannot be read as its format; names the file, the place and the remedy."""


class TargetError(FoundationError):
    """The user named a target that nothing can be sent to."""


class NotReadyError(FoundationError):
    """A server that we started ended, or did not answer in time; the text begins with a verb."""
