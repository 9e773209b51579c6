"""The federation that a graph deploys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.processes.arguments import ArgumentsError
from simulations.errors import TwinError
from stacks.graph import labels
from stacks.graph.demand import workloads
from workloads.federation.spec import ClientSpec, ServerSpec

if TYPE_CHECKING:
    from stacks.graph import Graph
    from stacks.graph.demand import Workload


@dataclass(frozen=True, slots=True)
class DeployedFederation:
    """A server and its clients, as their containers are started.

    Attributes:
        server: arguments of the server.
        client: arguments of every client, but for its name.
        clients: how many there are.
        where: the clients' resource, for messages.
    """

    server: ServerSpec
    client: ClientSpec
    clients: int
    where: str

    @classmethod
    def from_graph(cls, graph: Graph) -> DeployedFederation | None:
        """Read the workloads with the roles ``fl-server`` and ``fl-client``; None if there are none with replicas.

        Raises:
            TwinError: arguments cannot be read, or server and clients do not have the same definition.
        """
        server, clients = (_by_role(graph, role) for role in (labels.ROLE_FL_SERVER, labels.ROLE_FL_CLIENT))
        if server is None or clients is None:
            return None
        try:
            found = cls(
                ServerSpec.from_args(_arguments(server, labels.ROLE_FL_SERVER, "server")),
                ClientSpec.from_args(_arguments(clients, labels.ROLE_FL_CLIENT, "client")),
                clients.replicas,
                clients.label,
            )
        except ArgumentsError as error:
            raise TwinError(f"the federation of {server.label}: {error}") from error
        if found.server.definition != found.client.definition:
            raise TwinError(f"{server.label} and {clients.label} have different definitions, so every client would be refused")
        return found


def _by_role(graph: Graph, role: str) -> Workload | None:
    return next((each for each in workloads(graph) if each.resource.pod_labels.get(labels.ROLE) == role and each.replicas), None)


def _arguments(workload: Workload, container: str, command: str) -> list[str]:
    found = next((each for each in workload.resource.containers() if each.get("name") == container), None)
    arguments = [str(argument) for argument in (found or {}).get("args") or ()]
    if arguments[:1] != [command]:
        raise TwinError(f"{workload.label}: its container {container!r} does not start with the command {command!r}")
    return arguments[1:]
