"""What can go wrong on this floor, by whose fault it is."""

from __future__ import annotations


class PolicyError(Exception):
    """Base of every error raised by ``policies``; the text is shown to the operator as it is."""


class RuleExpressionError(PolicyError):
    """The author of a rule wrote CEL that does not compile: names the file, the key and the position."""
