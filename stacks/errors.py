"""What can go wrong on this floor, by whose fault it is. The command line maps each to an exit code."""

from __future__ import annotations


class StackError(Exception):
    """Base of every error raised by ``stacks``; the text is shown to the operator as it is."""


class ConfigurationError(StackError):
    """What the user wrote is invalid: names the place, the value, what is allowed and the fix."""


class ClusterError(StackError):
    """A cluster did not start, did not answer or refused us."""


class DeploymentError(StackError):
    """Pulumi could not finish; the state is kept and the text says how to go on."""


class StateLockedError(DeploymentError):
    """Another run holds the lock of this stack's state."""
