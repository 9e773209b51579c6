"""Entry point of the pack for Pulumi's engine. Creating a ``PolicyPack`` serves it and never returns; everything else is in ``pack.py``."""

from __future__ import annotations

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.crossguard.pack import policies
from policies.crossguard.stack import Stack, listen

stack = Stack()
listen(stack)
PolicyPack("sandtable", policies(stack), enforcement_level=EnforcementLevel.MANDATORY)
