"""The group that a graph deploys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.processes.arguments import ArgumentsError
from simulations.errors import TwinError
from stacks.graph.demand import workloads
from workloads.consensus.spec import CoordinationSpec

if TYPE_CHECKING:
    from stacks.graph import Graph

_NAME: Final = "coordination"


@dataclass(frozen=True, slots=True)
class DeployedCoordination:
    """``replicas`` members, each started with ``spec``; ``where`` is how to call the StatefulSet."""

    replicas: int
    spec: CoordinationSpec
    where: str

    @classmethod
    def from_graph(cls, graph: Graph) -> DeployedCoordination | None:
        """Read the StatefulSet of the application ``coordination``; None if there is none with a replica.

        Raises:
            TwinError: its arguments cannot be read.
        """
        for found in workloads(graph):
            resource = found.resource
            if resource.is_a("StatefulSet") and resource.pod_labels.get("app.kubernetes.io/name") == _NAME and found.replicas:
                args = next((each.get("args") or [] for each in resource.containers() if each.get("name") == _NAME), [])
                try:
                    return cls(found.replicas, CoordinationSpec.from_args(args), found.label)
                except ArgumentsError as error:
                    raise TwinError(f"{found.label}: {error}") from error
        return None
