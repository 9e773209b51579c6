"""Secrets of the stack: ``sandtable:<key>: {secure: …}`` in ``Pulumi.<name>.yaml``, encrypted by the stack's secrets provider."""

from __future__ import annotations

import pulumi

from stacks.graph import SECRET


def stack_secret(key: str) -> pulumi.Output[str]:
    """Return the secret called ``key``; without an engine, which alone can decrypt it, the mark that stands in a secret's place."""
    value = pulumi.Config("sandtable").get_secret(key)
    return value if value is not None else pulumi.Output.secret(SECRET)
