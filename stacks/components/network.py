"""Network policies. Every namespace denies everything (``Namespaces``); each component then allows exactly what it needs.

Rule: with default deny a flow needs two permissions, one at either end. Shared flows are defined once, here, for both ends.

NetworkPolicy (networking.k8s.io/v1) has no host names, so the API server and other external services are ports on any address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from workloads.consensus.spec import DEFAULT_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.components.component import Component
    from stacks.environment import Environment

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic to or from pods of ``namespace`` on ``ports``; without a namespace, to or from any address."""

    ports: tuple[int, ...]
    namespace: str | None = None
    pods: Mapping[str, str] | None = None
    """Labels of the other side's pods; None: all pods of the namespace."""


#: Namespaces with clients of the secrets engine, the message bus and the data stores.
CLIENTS: Final = (places.AI, places.FEDERATION, places.TRAINING)
#: Ports of these services.
SECRETS_PORT: Final = 8200
BUS_PORT: Final = 4222
COORDINATION_PORT: Final = DEFAULT_PORT
STORE_PORTS: Final = {"postgresql": 5432, "redis": 6379, "object-store": 9000}

#: The Kubernetes API server; a NetworkPolicy cannot name its address.
API_SERVER: Final = Flow((443, 6443))


def to_services(environment: Environment) -> list[Flow]:
    """Return the flows that pods in ``CLIENTS`` send: to the secrets engine, the bus, the group that coordinates, and the stores."""
    services = [Flow((SECRETS_PORT,), places.VAULT)] if environment.secrets.engine != "none" else []
    services += [Flow((BUS_PORT,), places.MESSAGING)] if environment.messaging.kind != "none" else []
    services += [Flow((COORDINATION_PORT,), places.DATA)] if environment.coordination else []
    return services + to_stores(environment, *STORE_PORTS)


def to_stores(environment: Environment, *kinds: str) -> list[Flow]:
    """Return the flow to the data stores of these kinds; empty if the environment has none."""
    ports = tuple(STORE_PORTS[kind] for kind in sorted({store.kind for store in environment.data_stores} & set(kinds)))
    return [Flow(ports, places.DATA)] if ports else []


def allow(
    component: Component,
    name: str,
    namespace: str,
    *,
    part: str,
    into: Sequence[Flow] = (),
    out_to: Sequence[Flow] = (),
    pods: Mapping[str, str] | None = None,
) -> None:
    """Declare what the pods of ``part`` (or with the labels ``pods``, if another controller creates them) may receive and send.

    DNS lookups are always allowed. Where anybody may come in, each direction has a policy of its own: kube-router holds what leaves a pod
    against the whole policy, and one policy for both directions would let its pods reach each other.
    """
    selector = k8s.meta.v1.LabelSelectorArgs(match_labels=dict(pods or component.selector(part)))
    ingress = [k8s.networking.v1.NetworkPolicyIngressRuleArgs(from_=_peers(flow), ports=_ports(flow.ports)) for flow in into] or None
    egress = [_dns(), *(k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=_peers(flow), ports=_ports(flow.ports)) for flow in out_to)]
    from_anybody = any(flow.namespace is None for flow in into)
    for suffix, types in (("", ["Ingress"]), ("-egress", ["Egress"])) if from_anybody else (("", ["Ingress", "Egress"]),):
        k8s.networking.v1.NetworkPolicy(
            f"{namespace}/{name}{suffix}",
            metadata=component.metadata(f"{name}{suffix}", namespace, part=part),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=selector,
                policy_types=types,
                ingress=ingress if "Ingress" in types else None,
                egress=egress if "Egress" in types else None,
            ),
            opts=component.options(),
        )


def _peers(flow: Flow) -> list[k8s.networking.v1.NetworkPolicyPeerArgs] | None:
    if flow.namespace is None:
        return None
    return [
        k8s.networking.v1.NetworkPolicyPeerArgs(
            namespace_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: flow.namespace}),
            pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(flow.pods)) if flow.pods else None,
        )
    ]


def _ports(ports: Sequence[int], protocol: str = "TCP") -> list[k8s.networking.v1.NetworkPolicyPortArgs]:
    return [k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol) for port in ports]


def _dns() -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    return k8s.networking.v1.NetworkPolicyEgressRuleArgs(
        to=_peers(Flow((53,), "kube-system")), ports=[*_ports((53,), "UDP"), *_ports((53,))]
    )
