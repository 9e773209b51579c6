"""The section ``coordination``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stacks.environment.values import WHOLE, Model, Name, StorageGib
from stacks.environment.workloads import Resources
from workloads.consensus.spec import DEFAULT_ELECTION_MS


class Coordination(Model):
    """The group that keeps locks, leaders and addresses: a replicated key-value store."""

    replicas: Annotated[Literal[3, 5], WHOLE] = 3
    """Three survive the loss of one, five of two."""
    pool: Name = "laptop"
    resources: Resources = Resources(cpu=0.5, memory_gib=0.5)
    storage_gib: StorageGib = 2
    """Size of each new volume. To grow an existing one, edit its claim: `kubectl edit pvc`."""
    election_ms: Annotated[int, Field(ge=50, le=60_000)] = DEFAULT_ELECTION_MS
    """Members that have heard no leader for one to two times this elect another. Shorter: a lost leader costs less time without writes;
    too short for the network or the disks: leaders are replaced that are only slow."""
    reads: Literal["index", "lease"] = "index"
    """`index`: before each read the leader asks a majority whether it still leads. `lease`: it relies on their last answer, which is right
    only while the members' clocks run alike within 10 %."""
