"""The gateway that a graph deploys, its configuration, and the emulator of its providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foundation.processes.arguments import ArgumentsError
from simulations.errors import TwinError
from stacks.graph import labels
from stacks.graph.demand import workloads
from workloads.emulator.spec import EmulatorSpec
from workloads.gateway.configuration.loading import parse
from workloads.gateway.errors import ConfigurationError
from workloads.gateway.spec import GatewaySpec

if TYPE_CHECKING:
    from stacks.graph import Graph
    from stacks.graph.demand import Workload
    from workloads.gateway.configuration.document import Configuration, Provider

ROLE_GATEWAY: Final = "gateway"
ROLE_EMULATOR: Final = "emulator"
_FILE: Final = "gateway.yaml"
#: The label that a gateway's configuration gives to engines of the same stack.
OWN: Final = "local"


@dataclass(frozen=True, slots=True)
class DeployedGateway:
    """``document`` is the configuration as deployed, ``configuration`` the same, typed; ``emulator`` is None if no provider is emulated."""

    replicas: int
    spec: GatewaySpec
    document: Mapping[str, Any]
    configuration: Configuration
    emulator: EmulatorSpec | None
    where: str

    @classmethod
    def from_graph(cls, graph: Graph) -> DeployedGateway | None:
        """Read the Deployment whose pods carry the label ``sandtable.dev/role: gateway``; None if there is none with a replica.

        Raises:
            TwinError: its arguments or its configuration cannot be read.
        """
        found = _by_role(graph, ROLE_GATEWAY)
        if found is None or not found.replicas:
            return None
        try:
            spec = GatewaySpec.from_args(_arguments(found, ROLE_GATEWAY))
            emulators = _by_role(graph, ROLE_EMULATOR)
            emulator = EmulatorSpec.from_args(_arguments(emulators, ROLE_EMULATOR)) if emulators and emulators.replicas else None
        except ArgumentsError as error:
            raise TwinError(f"{found.label}: {error}") from error
        document = _configuration(graph, found)
        try:
            return cls(found.replicas, spec, document, parse(document, f"ConfigMap of {found.label}"), emulator, found.label)
        except ConfigurationError as error:
            raise TwinError(str(error)) from error

    def is_engine(self, provider: str) -> bool:
        """Return whether ``provider`` stands for the engines of this stack."""
        return self.configuration.providers[provider].label == OWN

    @property
    def remote(self) -> dict[str, Provider]:
        """The providers that are not engines of this stack, by name."""
        return {name: provider for name, provider in self.configuration.providers.items() if not self.is_engine(name)}


def _by_role(graph: Graph, role: str) -> Workload | None:
    return next((workload for workload in workloads(graph) if workload.resource.pod_labels.get(labels.ROLE) == role), None)


def _arguments(workload: Workload, container: str) -> list[str]:
    found = next((c for c in workload.resource.containers() if c.get("name") == container), None)
    if found is None:
        raise TwinError(f"{workload.label}: no container is named {container!r}; rename the one that serves")
    return [str(argument) for argument in found.get("args") or ()]


def _configuration(graph: Graph, workload: Workload) -> Mapping[str, Any]:
    import yaml

    for config_map in graph.objects("ConfigMap"):
        data = config_map.inputs.get("data")
        if config_map.namespace == workload.resource.namespace and isinstance(data, Mapping) and _FILE in data:
            try:
                document = yaml.safe_load(str(data[_FILE]))
            except yaml.YAMLError as error:
                raise TwinError(f"{config_map.label}: {_FILE} is not YAML: {error}") from error
            if isinstance(document, Mapping):
                return document
            raise TwinError(f"{config_map.label}: {_FILE} is not a mapping")
    raise TwinError(f"{workload.label}: no ConfigMap of its namespace has {_FILE}, its configuration")
