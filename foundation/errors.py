"""Errors of this layer, by cause; the command line maps each to an exit code."""

from __future__ import annotations


class FoundationError(Exception):
    """Base of every error raised by ``foundation``; the text is shown to the operator unchanged."""


class DocumentError(FoundationError):
    """A document cannot be parsed; the message names the file, the place and the remedy."""


class TargetError(FoundationError):
    """The user named an invalid target."""


class NotReadyError(FoundationError):
    """A server that we started exited or did not respond in time; the text begins with a verb."""
