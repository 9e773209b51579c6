"""Which traffic between pods NetworkPolicies allow (networking.k8s.io/v1, ``NetworkPolicySpec``).

Rule 1: a pod is isolated in a direction if a policy of its namespace selects it for that direction; then only what some such policy allows
gets through. A pod that nobody selects sends and receives everything.
Rule 2: traffic passes if the sender may send it and the receiver may receive it.
Rule 3: a rule without peers means every peer, one without ports every port.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Final

from stacks.graph.graph import Graph, Resource
from stacks.graph.relations.selectors import selects

_NAME: Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod as policies see it. ``address`` may be empty, if no policy names addresses."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


def allows(graph: Graph, source: Endpoint, target: Endpoint, port: int, protocol: str = "TCP") -> bool:
    """Whether the NetworkPolicies of ``graph`` let ``source`` reach ``port`` of ``target``."""
    sending, receiving = _rules(graph, "Egress", source), _rules(graph, "Ingress", target)
    return all(
        rules is None or any(_has_port(rule, port, protocol) and _has_peer(rule.get(key), here.namespace, peer) for rule in rules)
        for rules, key, here, peer in ((sending, "to", source, target), (receiving, "from", target, source))
    )


def _rules(graph: Graph, direction: str, pod: Endpoint) -> list[Mapping[str, Any]] | None:
    """The rules that hold for a pod in a direction; None if it is not isolated."""
    isolating = [policy for policy in graph.objects("NetworkPolicy") if direction in _types(policy.spec) and _selects(policy, pod)]
    return [rule for policy in isolating for rule in policy.spec.get(direction.lower()) or ()] if isolating else None


def _types(spec: Mapping[str, Any]) -> list[str]:
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _selects(policy: Resource, pod: Endpoint) -> bool:
    return (policy.namespace or "default") == pod.namespace and selects(policy.spec.get("podSelector") or {}, pod.labels)


def _has_port(rule: Mapping[str, Any], port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    return not ports or any(
        one.get("protocol", "TCP") == protocol and ("port" not in one or one["port"] <= port <= one.get("endPort", one["port"]))
        for one in ports
    )


def _has_peer(peers: Any, namespace: str, pod: Endpoint) -> bool:
    return not peers or any(_matches(peer, namespace, pod) for peer in peers)


def _matches(peer: Mapping[str, Any], namespace: str, pod: Endpoint) -> bool:
    if "ipBlock" in peer:
        blocks = _networks(peer["ipBlock"])
        return bool(pod.address) and ip_address(pod.address) in next(blocks) and not any(ip_address(pod.address) in one for one in blocks)
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], {_NAME: pod.namespace}):
            return False
    elif pod.namespace != namespace:
        return False
    return "podSelector" not in peer or selects(peer["podSelector"], pod.labels)


def _networks(block: Mapping[str, Any]) -> Iterator[Any]:
    """The block, then what is taken out of it."""
    yield ip_network(block["cidr"])
    yield from map(ip_network, block.get("except") or ())
