"""The errors of this floor, by who can fix them. The command line maps each to an exit code."""

from __future__ import annotations


class StackError(Exception):
    """Base of every error raised by ``stacks``; the operator sees the text unchanged."""


class ConfigurationError(StackError):
    """The user's input is invalid; the text names the place, the value, what is allowed and the fix."""


class ClusterError(StackError):
    """A cluster did not start, did not answer or denied us access."""


class DeploymentError(StackError):
    """Pulumi could not finish; the state is kept and the text says how to continue."""


class StateLockedError(DeploymentError):
    """Another run holds the lock of this stack's state."""
