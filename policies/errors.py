"""The errors of this floor, by who can fix them."""

from __future__ import annotations


class PolicyError(Exception):
    """Base of every error raised by ``policies``; the operator sees the text unchanged."""


class RuleExpressionError(PolicyError):
    """A rule's CEL does not compile; the text names the file, the key and the position."""
