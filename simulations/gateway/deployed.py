"""The gateway that a graph deploys, its configuration, and the emulator of its providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

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
    from workloads.gateway.configuration.document import Configuration

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
        found = _by_role(graph, labels.ROLE_GATEWAY)
        if found is None or not found.replicas:
            return None
        try:
            spec = GatewaySpec.from_args(_arguments(found, labels.ROLE_GATEWAY))
            emulators = _by_role(graph, labels.ROLE_EMULATOR)
            emulator = EmulatorSpec.from_args(_arguments(emulators, labels.ROLE_EMULATOR)) if emulators and emulators.replicas else None
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

    def is_emulated(self, provider: str) -> bool:
        """Return whether the stack's emulator stands for ``provider``: its address is that of the emulator's Service."""
        host = urlsplit(self.configuration.providers[provider].base_url).hostname or ""
        return self.emulator is not None and host.partition(".")[0] == labels.ROLE_EMULATOR

    @property
    def outside(self) -> list[str]:
        """The providers outside the stack, which cost money and belong to others; a rehearsal sends nothing to them."""
        return [name for name in self.configuration.providers if not self.is_engine(name) and not self.is_emulated(name)]

    @property
    def stand_in(self) -> EmulatorSpec:
        """The emulator that stands for providers: the stack's, or where it has none, one with the default profile, which is assumed."""
        return self.emulator or EmulatorSpec()

    def emulated_path(self, provider: str) -> str:
        """Return the path under which the emulator plays ``provider``, so that each can fail alone."""
        return urlsplit(self.configuration.providers[provider].base_url).path if self.is_emulated(provider) else f"/{provider}"

    def assumptions(self) -> tuple[str, ...]:
        """Return sentences for a reader on the providers for which an emulator stands."""
        said = []
        if own := ", ".join(name for name in self.configuration.providers if self.is_emulated(name)):
            said.append(f"Providers {own} are emulated, as deployed: their times are drawn from the profile, their prices are real.")
        if outside := ", ".join(self.outside):
            said.append(
                f"Providers {outside} are outside the stack, and no load is sent to them: an emulator stands for them, with the profile "
                f"`{self.stand_in.profile}`, which is assumed; their prices are real."
            )
        return tuple(said)

    @property
    def first_choices(self) -> dict[str, frozenset[str]]:
        """The models of each route's own targets; whoever else answers is a fallback."""
        routes = self.configuration.routes
        own = {name: {target.model for target in route.targets} for name, route in routes.items()}
        for name, route in routes.items():
            by = route.complexity
            for other in (by.simple, by.medium, by.complex) if by else ():
                own[name] |= own[other]
            if route.canary:
                own[name] |= own[route.canary.route]
        return {name: frozenset(models) for name, models in own.items()}


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
