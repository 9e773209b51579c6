"""Errors of an application, by cause."""

from __future__ import annotations


class ApplicationError(Exception):
    """Base of every error raised by ``workloads.applications``; the text is shown to the operator unchanged."""


class PolicyError(ApplicationError):
    """A policy cannot be served: it is not one of this game, or its file is damaged."""


class RequestError(ApplicationError):
    """A client asked for what there is not; the text says what would be right."""


class CriteriaError(ApplicationError):
    """A trained model does not meet its criteria, or too few sites may take part; nothing is released."""
