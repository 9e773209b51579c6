"""What all stateful services have in common: a StatefulSet with its volumes, two Services, a disruption budget and a NetworkPolicy.

Rule 1: pods stay off spot nodes (``on_pool(stateful=True)``), and several replicas go to different nodes.
Rule 2: a disruption may evict at most a minority; a single replica has no budget, or its node could never be drained.
Rule 3: claims outlive the StatefulSet, so deleting the stack by mistake does not delete data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.network import Flow, allow
from stacks.components.parts import storage_claim
from stacks.components.pods import on_pool, pod_template
from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.components.pods import Placement
    from stacks.environment import DataStore, Environment


#: Name of the Secret with the initial password of every data store.
CREDENTIALS: Final = "store-credentials"
#: Label that the StatefulSet controller puts on every pod.
_POD_NAME: Final = "statefulset.kubernetes.io/pod-name"


@dataclass(frozen=True)
class Stateful:
    """What differs between stateful services."""

    name: str
    namespace: str
    replicas: int
    storage_gib: int
    placement: Placement
    containers: Sequence[k8s.core.v1.ContainerArgs]
    ports: Mapping[str, int]
    """Ports for clients."""
    one_writer: bool = False
    """Whether only the first pod takes writes. Then the Service routes to it alone; the others have DNS names in ``<name>-peers``."""
    metrics_ports: tuple[int, ...] = ()
    """Ports that the metrics store reads."""
    peer_ports: tuple[int, ...] = ()
    """Ports between the replicas only."""
    clients: tuple[str, ...] = ()
    """Namespaces whose pods may connect."""
    init_containers: Sequence[k8s.core.v1.ContainerArgs] = ()
    volumes: Sequence[k8s.core.v1.VolumeArgs] = ()
    group: int = 1000
    grace_s: int = 60


def declare(component: Component, service: Stateful, *, part: str, after: Sequence[pulumi.Resource] = ()) -> k8s.apps.v1.StatefulSet:
    """Declare the objects of ``service`` as children of ``component``."""
    name, namespace = service.name, service.namespace
    account = component.service_account(name, namespace, part=part)
    component.service(f"{name}-peers", namespace, part=part, ports=service.ports, headless=True)
    own = component.selector(part)
    first = {_POD_NAME: f"{name}-0"} if service.one_writer else {}
    component.service(name, namespace, part=part, ports=service.ports, selector={**own, **first})
    if service.replicas > 1:
        component.disruption_budget(name, namespace, part=part, max_unavailable=max(1, (service.replicas - 1) // 2))
    every_port = (*service.ports.values(), *service.peer_ports)
    allow(
        component,
        name,
        namespace,
        part=part,
        into=[
            Flow(every_port, namespace, own),
            *[Flow(tuple(service.ports.values()), client) for client in service.clients],
            *([Flow(service.metrics_ports, places.TELEMETRY)] if service.metrics_ports else []),
        ],
        out_to=[Flow(every_port, namespace, own)],
    )
    return k8s.apps.v1.StatefulSet(
        f"{namespace}/{name}",
        metadata=component.metadata(name, namespace, part=part),
        spec=k8s.apps.v1.StatefulSetSpecArgs(
            replicas=service.replicas,
            service_name=f"{name}-peers",
            pod_management_policy="Parallel",
            selector=k8s.meta.v1.LabelSelectorArgs(match_labels=own),
            persistent_volume_claim_retention_policy=k8s.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
                when_deleted="Retain", when_scaled="Retain"
            ),
            template=pod_template(
                component.labels(part),
                service.containers,
                placement=service.placement,
                service_account=name,
                init_containers=service.init_containers,
                volumes=service.volumes,
                group=service.group,
                grace_s=service.grace_s,
                spread=own if service.replicas > 1 else None,
                apart=service.replicas > 1,
            ),
            volume_claim_templates=[storage_claim("data", service.storage_gib, component.labels(part))],
        ),
        opts=component.options_with_claims(account, *after),
    )


class StatefulStore(Component):
    """A data store of the environment; subclasses define how their kind runs."""

    address: str

    def __init__(self, name: str, *, environment: Environment, section: DataStore, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.section = section
        self.server = self.build()
        self.register_outputs({"address": self.address, "replicas": section.replicas})

    def build(self) -> k8s.apps.v1.StatefulSet:
        """Declare the store; subclasses set ``address``."""
        raise NotImplementedError

    def selector(self, part: str) -> dict[str, str]:
        """Return a selector that distinguishes two stores of the same kind."""
        return {**super().selector(part), labels.PREFIX + "store": self.section.name}

    def labels(self, part: str) -> dict[str, str]:
        """Return the common labels and the store's name."""
        return {**super().labels(part), labels.PREFIX + "store": self.section.name}

    def placement(self) -> Placement:
        """Return the placement on the section's pool."""
        return on_pool(self.environment, self.section.pool, stateful=True)
