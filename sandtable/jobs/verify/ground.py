"""What the checks stand on: the environment, the graph that its program declares, and the API server of its cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stacks.clusters.api import listing
from stacks.graph import labels
from stacks.graph.kinds import KINDS

if TYPE_CHECKING:
    from stacks.clusters.api import Api
    from stacks.clusters.port import Cluster
    from stacks.environment import Environment
    from stacks.graph import Graph


@dataclass(frozen=True)
class Ground:
    """The deployed stack of one environment. ``graph``: what its program declares."""

    environment: Environment
    graph: Graph
    cluster: Cluster
    api: Api

    @cached_property
    def all_played(self) -> bool:
        """Whether every pod is simulated."""
        return self.cluster.status().nodes_are_played

    @cached_property
    def played_nodes(self) -> frozenset[str]:
        """Names of the nodes whose pods KWOK simulates."""
        nodes = self.api.items(listing("v1", "nodes"))
        return frozenset(node["metadata"]["name"] for node in nodes if labels.KWOK_NODE in (node["metadata"].get("annotations") or {}))

    def live(self, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        """Return the live objects of a built-in kind that belong to the environment."""
        known = KINDS[kind]
        version = f"{known.group}/{known.version}".lstrip("/")
        return self.api.items(listing(version, known.resource, namespace), f"{labels.ENVIRONMENT}={self.environment.name}")

    def config_files(self, name: str, namespace: str) -> dict[str, str]:
        """Return the files of a live ConfigMap; none if it does not exist."""
        found = self.api.get(f"{listing('v1', 'configmaps', namespace)}/{name}") or {}
        return dict(found.get("data") or {})

    def pods(self, namespace: str, selector: str) -> Iterator[dict[str, Any]]:
        """Yield the pods with the labels of ``selector`` that really run and are ready."""
        for pod in self.api.items(listing("v1", "pods", namespace), selector):
            conditions = pod.get("status", {}).get("conditions") or ()
            ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
            if ready and pod["spec"].get("nodeName") not in self.played_nodes:
                yield pod
