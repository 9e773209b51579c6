"""The keys of an environment with their types and defaults; ``consistency.py`` has the rules between them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from stacks.environment.cluster import Cluster, NodePool, Region
from stacks.environment.coordination import Coordination
from stacks.environment.faults import read_faults
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
from stacks.environment.thresholds import Threshold
from stacks.environment.traffic import Traffic
from stacks.environment.values import LabelValue, Model, Name
from stacks.environment.workloads import AiStack, Application, Engine, TrainingJob


def _is_fault(text: str) -> str:
    read_faults(text)
    return text


class Definition(Model):
    """The keys of one environment. ``name`` comes from the file's name; everything else has a default that fits a laptop."""

    name: Name
    owner: LabelValue = "platform-team"
    cost_centre: LabelValue = "unassigned"
    cluster: Cluster = Cluster()
    regions: list[Region] = Field(default=[Region(name="local", zones=["local-a"])], min_length=1)
    node_pools: list[NodePool] = Field(
        default=[NodePool(name="laptop", region="local", instance_type="laptop", vcpu_per_node=8, memory_gib_per_node=32)], min_length=1
    )
    platform_pool: Name | None = None
    """Pool of the platform's own pods (Vault, SPIRE, collectors …); default: the first on-demand pool without GPUs, else the first."""
    ai_stack: AiStack = AiStack()
    engine: Engine = Engine()
    gateway: Gateway | None = None
    """Absent: clients reach the engines directly."""
    emulator: Emulator | None = None
    """Only with a provider that is ``emulated``."""
    traffic: Traffic = Traffic()
    federation: Federation = Federation()
    training: list[TrainingJob] = Field(default=[])
    applications: list[Application] = Field(default=[])
    secrets: Secrets = Secrets()
    identity: Identity = Identity()
    runtime_rules: RuntimeRules = RuntimeRules()
    admission: Admission = Admission()
    data_stores: list[DataStore] = Field(default=[])
    messaging: Messaging = Messaging()
    coordination: Coordination | None = None
    """Absent: nothing that needs locks or leaders runs here."""
    telemetry: Telemetry = Telemetry()
    faults: list[Annotated[str, AfterValidator(_is_fault)]] = Field(default=[])
    """Injected in every rehearsal, in a load of their own: `anthropic=503@20s+15s`, `engine=kill@30s`."""
    thresholds: list[Threshold] = Field(default=[])
    budget: Budget = Budget()
