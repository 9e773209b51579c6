"""``every-namespace-default-deny``: traffic that no policy allows is blocked, in both directions.

A policy that selects all pods isolates them in each of its ``policyTypes``: only traffic that some policy allows gets through. So a policy
that allows its own namespace denies all others, and one that allows everything cancels every other (Kubernetes, "Network Policies").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import collapse_addresses, ip_network
from typing import Any, Final

from policies.stack.examples import Manifest, workload
from policies.stack.rule import Breach, NotApplicableError, Situation, StackExample, StackRule
from stacks.admission.rules import EXEMPT_NAMESPACES
from stacks.graph import Resource
from stacks.graph.recognition.custom_pods import custom_pods
from stacks.graph.relations.selectors import selects_everything


def _judge(situation: Situation) -> Iterator[Breach]:
    namespaces = _namespaces(situation)
    if not namespaces:
        raise NotApplicableError("the graph has neither namespaces nor pods")
    of_all: dict[str, list[Resource]] = {}
    for policy in situation.graph.objects("NetworkPolicy"):
        if _selects_all(policy):
            of_all.setdefault(policy.namespace or "default", []).append(policy)
    for namespace, resource in sorted(namespaces.items()):
        isolated = {direction for policy in of_all.get(namespace, ()) for direction in _types(policy)}
        if missing := [direction for direction in ("Ingress", "Egress") if direction not in isolated]:
            yield Breach(f"namespace {namespace} has no default deny for {' and '.join(missing).lower()}", resource)
        for policy in of_all.get(namespace, ()):
            if void := sorted(_opens(policy), reverse=True):
                yield Breach(f"allows all {' and '.join(void).lower()} of every pod, beside which the default deny means nothing", policy)


def _namespaces(situation: Situation) -> dict[str, Resource]:
    """Namespaces that are declared or contain pods, each with the resource that names it."""
    found = {r.namespace or "default": r for r in reversed(situation.graph.resources) if r.pod_template is not None or custom_pods(r)}
    found |= {r.object_name: r for r in situation.graph.objects("Namespace")}
    return {name: resource for name, resource in found.items() if name not in EXEMPT_NAMESPACES}


def _selects_all(policy: Resource) -> bool:
    """Whether it selects all pods of its namespace."""
    return selects_everything(policy.spec.get("podSelector") or {})


def _types(policy: Resource) -> list[str]:
    return policy.spec.get("policyTypes") or ["Ingress", *(["Egress"] if policy.spec.get("egress") else [])]


def _opens(policy: Resource) -> set[str]:
    """Directions in which the policy allows all traffic: from or to any peer, on every port."""
    return {
        direction for direction in _types(policy) if any(_lets_all(rule, direction) for rule in policy.spec.get(direction.lower()) or ())
    }


def _lets_all(rule: Mapping[str, Any], direction: str) -> bool:
    ports, peers = rule.get("ports") or (), rule.get("from" if direction == "Ingress" else "to") or ()
    every_port = not ports or any("port" not in port or (port["port"] == 1 and port.get("endPort") == _LAST_PORT) for port in ports)
    return every_port and (not peers or any(map(_is_every_pod, peers)) or _is_every_address(peers))


def _is_every_pod(peer: Mapping[str, Any]) -> bool:
    """Whether a peer matches every pod of every namespace; without a namespace selector it matches only its own namespace."""
    pods = peer.get("podSelector")
    return "ipBlock" not in peer and selects_everything(peer.get("namespaceSelector")) and (pods is None or selects_everything(pods))


def _is_every_address(peers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the peers' CIDR blocks cover all of IPv4 or IPv6; blocks with exceptions are left out."""
    blocks = []
    for block in (peer["ipBlock"] for peer in peers if "ipBlock" in peer):
        if not block.get("except"):
            with suppress(ValueError):  # the API server rejects an invalid CIDR
                blocks.append(ip_network(str(block.get("cidr")), strict=False))
    return any(
        network.prefixlen == 0
        for version in (4, 6)
        for network in collapse_addresses(block for block in blocks if block.version == version)  # type: ignore[type-var]
    )


def _policy(name: str = "default-deny", **spec: Any) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "app"},
        "spec": {"podSelector": {}, **spec},
    }


_LAST_PORT: Final = 65535
_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}}
_BOTH = ["Ingress", "Egress"]

EVERY_NAMESPACE_DEFAULT_DENY: Final = StackRule(
    id="every-namespace-default-deny",
    title="Every namespace denies traffic by default, in and out",
    reason="Without it every pod reaches every other and the internet: one broken web server reads the store and carries the data out.",
    fix="Add a NetworkPolicy with empty `podSelector`, `policyTypes: [Ingress, Egress]` and no rules; then allow by name what is needed; "
    "remove every other policy that selects all pods and has an empty rule.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("both directions", (_NAMESPACE, _policy(policyTypes=_BOTH))),
        StackExample(
            "exceptions beside it",
            (
                _NAMESPACE,
                _policy(policyTypes=_BOTH),
                _policy("web", policyTypes=["Ingress"], ingress=[{}], podSelector={"matchLabels": {"app": "web"}}),
            ),
        ),
        StackExample("a selector without conditions", (_NAMESPACE, _policy(policyTypes=_BOTH, podSelector={"matchLabels": {}}))),
        StackExample(
            "name resolution for every pod",
            (_NAMESPACE, _policy(policyTypes=_BOTH), _policy("dns", policyTypes=["Egress"], egress=[{"ports": [{"port": 53}]}])),
        ),
        StackExample(
            "the own namespace only",
            (_NAMESPACE, _policy(policyTypes=_BOTH, ingress=[{"from": [{"podSelector": {}}]}], egress=[{"to": [{"podSelector": {}}]}])),
        ),
        StackExample(
            "the internet without the cluster's networks",
            (
                _NAMESPACE,
                _policy(policyTypes=_BOTH, egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}]),
            ),
        ),
        StackExample(
            "the cluster's own namespaces are not ours",
            ({**_NAMESPACE, "metadata": {"name": "kube-system"}}, _NAMESPACE, _policy(policyTypes=_BOTH)),
        ),
    ),
    failing=(
        StackExample("no policy", (_NAMESPACE,)),
        StackExample("pods in a namespace that is not declared", (workload("Deployment", "web"),)),
        StackExample("one direction only", (_NAMESPACE, _policy())),
        StackExample("denies some pods only", (_NAMESPACE, _policy(policyTypes=_BOTH, podSelector={"matchLabels": {"app": "web"}}))),
        StackExample("every address", (_NAMESPACE, _policy(policyTypes=_BOTH, egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]))),
        StackExample(
            "every address, in two halves",
            (
                _NAMESPACE,
                _policy(policyTypes=_BOTH, egress=[{"to": [{"ipBlock": {"cidr": c}} for c in ("0.0.0.0/1", "128.0.0.0/1")]}]),
            ),
        ),
        StackExample("every namespace", (_NAMESPACE, _policy(policyTypes=_BOTH, ingress=[{"from": [{"namespaceSelector": {}}]}]))),
        StackExample(
            "a policy of another group",
            (_NAMESPACE, {**_policy(policyTypes=_BOTH), "apiVersion": "projectcalico.org/v3"}),
        ),
        StackExample("a rule lets everything in", (_NAMESPACE, _policy(policyTypes=_BOTH, ingress=[{}]))),
        StackExample(
            "another policy lets everything in",
            (_NAMESPACE, _policy(policyTypes=_BOTH), _policy("all", policyTypes=["Ingress"], ingress=[{}])),
        ),
        StackExample(
            "another policy lets everything out, from no one in particular",
            (_NAMESPACE, _policy(policyTypes=_BOTH), _policy("all", policyTypes=["Egress"], egress=[{"to": []}])),
        ),
    ),
)
