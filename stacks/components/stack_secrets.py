"""Secrets of the stack: ``sandtable:<key>: {secure: …}`` in ``Pulumi.<name>.yaml``, encrypted by the stack's secrets provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi.runtime import mocks, settings

from stacks.errors import ConfigurationError
from stacks.graph import SECRET

if TYPE_CHECKING:
    from stacks.environment import Environment, StackSecret


def stack_secret(key: StackSecret, environment: Environment) -> pulumi.Output[str]:
    """Return the secret called ``key``.

    If nobody uses the value, a placeholder will do: without an engine, which alone can decrypt it, and on the embedded cluster, where
    containers do not run.

    Raises:
        ConfigurationError: the stack has no such secret, and its cluster would use the placeholder as the password.
    """
    value = pulumi.Config("sandtable").get_secret(key)
    if value is not None:
        return value
    if environment.cluster.provider == "embedded" or isinstance(settings.get_monitor(), mocks.MockMonitor):
        return pulumi.Output.secret(SECRET)
    stack = environment.name
    raise ConfigurationError(
        f"Pulumi.{stack}.yaml: sandtable:{key} is not set; make it: `pulumi config set --secret {key} <value> --stack {stack}`"
    )
