"""What a deployment tells while it runs, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stacks.graph import Graph


@dataclass(frozen=True, slots=True)
class Event:
    """How far an operation is: ``done`` of ``total`` resources (as many as are known by now), and the one just finished."""

    done: int
    total: int
    label: str


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that changes: ``operation`` is Pulumi's (create, update, delete, replace …), ``paths`` what changes in it."""

    operation: str
    label: str
    urn: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """A finished operation: number of resources by operation, the steps that changed something, and how long it took."""

    changes: dict[str, int]
    steps: tuple[ResourceChange, ...]
    seconds: float
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an ``up`` would do, and the graph that it would lead to.

    In the graph, dependencies of resources that are not yet deployed are absent: the engine tells them only when it records them.
    """

    changes: dict[str, int]
    steps: tuple[ResourceChange, ...]
    seconds: float
    graph: Graph
