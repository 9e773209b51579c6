"""The typed model of the environment file that an operator writes.

Rule 1: this package defines types, units, defaults and allowed values; only ``file.py`` reads files, and only ``components/`` creates
resources.
Rule 2: every quantity carries its unit in its name (``_ms``, ``_gib``, ``_usd``, ``_per_s``); the defaults fit a laptop.
Rule 3: what several floors need is defined once, here; the twin reads the rest from the graph.
Rule 4: an environment that loads can be deployed: values that the API server would reject, and names that collide, are rejected here.

In ``Pulumi.<name>.yaml`` every top-level field is a Pulumi configuration key: ``sandtable:engine:``, ``sandtable:node_pools:`` …
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from stacks.environment.cluster import Cluster, Gpu, NodePool, Region
from stacks.environment.coordination import Coordination
from stacks.environment.environment import Environment
from stacks.environment.federation import Federation
from stacks.environment.gateway import Emulator, Gateway
from stacks.environment.platform import (
    Admission,
    Budget,
    DataStore,
    Identity,
    Messaging,
    RuntimeRules,
    Secrets,
    Telemetry,
)
from stacks.environment.traffic import Lengths, Traffic
from stacks.environment.values import Priority, ProviderKey
from stacks.environment.workloads import AiStack, Application, Autoscaling, Engine, Reinforcement, Replicated, Resources, TrainingJob

#: Keys of a ``Pulumi.<name>.yaml`` with a secret, ``{secure: …}``. Only Pulumi can decrypt them, so they are not fields.
StackSecret = Literal[ProviderKey, "gateway_token", "store_password", "vault_seal_key"]
STACK_SECRETS: Final[tuple[str, ...]] = get_args(StackSecret)

__all__ = [
    "STACK_SECRETS",
    "Admission",
    "AiStack",
    "Application",
    "Autoscaling",
    "Budget",
    "Cluster",
    "Coordination",
    "DataStore",
    "Emulator",
    "Engine",
    "Environment",
    "Federation",
    "Gateway",
    "Gpu",
    "Identity",
    "Lengths",
    "Messaging",
    "NodePool",
    "Priority",
    "Region",
    "Reinforcement",
    "Replicated",
    "Resources",
    "RuntimeRules",
    "Secrets",
    "StackSecret",
    "Telemetry",
    "Traffic",
    "TrainingJob",
]
