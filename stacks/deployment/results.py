"""The progress events of a deployment, and its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stacks.graph import Graph


@dataclass(frozen=True, slots=True)
class Event:
    """Progress of an operation: ``done`` of ``total`` resources (those known so far), and the one just finished."""

    done: int
    total: int
    label: str


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One changed resource: ``operation`` is Pulumi's (create, update, delete, replace …), ``paths`` are its changed properties."""

    operation: str
    label: str
    urn: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """A finished operation: number of resources by operation, the steps that changed something, and its duration."""

    changes: dict[str, int]
    steps: tuple[ResourceChange, ...]
    seconds: float
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an ``up`` would do, and the graph after it.

    The graph lacks dependencies of resources that are not yet deployed, because the engine reports those only when it records them.
    """

    changes: dict[str, int]
    steps: tuple[ResourceChange, ...]
    seconds: float
    graph: Graph
