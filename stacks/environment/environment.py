"""The whole environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, model_validator

from stacks.environment.cluster import Cluster, NodePool, Region
from stacks.environment.consistency import InconsistentError, slips
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
from stacks.environment.traffic import Traffic
from stacks.environment.values import LabelValue, Model, Name
from stacks.environment.workloads import AiStack, Engine, Federation, TrainingJob
from stacks.thresholds import Threshold


class Environment(Model):
    """One environment. ``name`` comes from the file's name; everything else has a default that fits a laptop."""

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
    traffic: Traffic = Traffic()
    federation: Federation = Federation()
    training: list[TrainingJob] = Field(default=[])
    secrets: Secrets = Secrets()
    identity: Identity = Identity()
    runtime_rules: RuntimeRules = RuntimeRules()
    admission: Admission = Admission()
    data_stores: list[DataStore] = Field(default=[])
    messaging: Messaging = Messaging()
    telemetry: Telemetry = Telemetry()
    thresholds: list[Threshold] = Field(default=[])
    budget: Budget = Budget()

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The file that it was read from, in full; None where it was made by a program."""
        return self._file

    def model_post_init(self, context: Any, /) -> None:
        """Keep the file, which whoever validates passes on as the context: it is nothing that a user writes, so no field."""
        self._file = context

    def pool(self, name: str) -> NodePool:
        """Return the node pool called ``name`` (validated to exist)."""
        return next(pool for pool in self.node_pools if pool.name == name)

    def region(self, name: str) -> Region:
        """Return the region called ``name`` (validated to exist)."""
        return next(region for region in self.regions if region.name == name)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if found := list(slips(self)):
            raise InconsistentError(found)
        return self
