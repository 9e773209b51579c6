"""Where the engine starts the pack. Creating a ``PolicyPack`` serves it and does not return; everything else is in ``pack.py``."""

from __future__ import annotations

import pulumi
from pulumi_policy import EnforcementLevel, PolicyPack

from policies.crossguard.pack import environment_of, policies

PolicyPack(
    "sandtable",
    policies(environment_of(pulumi.get_stack(), dict(pulumi.runtime.get_config_env()))),
    enforcement_level=EnforcementLevel.MANDATORY,
)
