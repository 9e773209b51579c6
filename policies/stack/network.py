"""``every-namespace-default-deny``: traffic that nobody allowed does not flow, in and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.stack.examples import Manifest, workload
from policies.stack.rule import Breach, NotApplicableError, Situation, StackExample, StackRule
from stacks.admission.rules import EXEMPT_NAMESPACES
from stacks.graph import Resource


def _judge(situation: Situation) -> Iterator[Breach]:
    namespaces = _namespaces(situation)
    if not namespaces:
        raise NotApplicableError("the graph has neither namespaces nor pods")
    of_all: dict[str, list[Resource]] = {}
    for policy in situation.graph.objects("NetworkPolicy"):
        if _selects_all(policy):
            of_all.setdefault(policy.namespace or "default", []).append(policy)
    for namespace, resource in sorted(namespaces.items()):
        denied = {direction for policy in of_all.get(namespace, ()) for direction in _denies(policy)}
        if missing := [direction for direction in ("Ingress", "Egress") if direction not in denied]:
            yield Breach(f"namespace {namespace} has no default deny for {' and '.join(missing).lower()}", resource)
        for policy in of_all.get(namespace, ()):
            if void := sorted(_opens(policy) & denied, reverse=True):
                yield Breach(f"allows all {' and '.join(void).lower()} of every pod, beside which the default deny means nothing", policy)


def _namespaces(situation: Situation) -> dict[str, Resource]:
    """Namespaces that are declared or hold pods, each with the resource that shows it."""
    found = {r.namespace or "default": r for r in reversed(situation.graph.resources) if r.pod_template is not None}
    found |= {r.object_name: r for r in situation.graph.objects("Namespace")}
    return {name: resource for name, resource in found.items() if name not in EXEMPT_NAMESPACES}


def _selects_all(policy: Resource) -> bool:
    """Whether it is over all pods of its namespace; a selector without conditions is an empty one."""
    return not any((policy.spec.get("podSelector") or {}).values())


def _types(policy: Resource) -> list[str]:
    return policy.spec.get("policyTypes") or ["Ingress", *(["Egress"] if policy.spec.get("egress") else [])]


def _denies(policy: Resource) -> set[str]:
    """Directions in which the policy takes all traffic from the pods that it selects."""
    return {direction for direction in _types(policy) if not policy.spec.get(direction.lower())}


def _opens(policy: Resource) -> set[str]:
    """Directions in which the policy allows all traffic: one of its rules names neither peers nor ports."""
    return {direction for direction in _types(policy) if any(not any(rule.values()) for rule in policy.spec.get(direction.lower()) or ())}


def _policy(name: str = "default-deny", **spec: Any) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "app"},
        "spec": {"podSelector": {}, **spec},
    }


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
            "the cluster's own namespaces are not ours",
            ({**_NAMESPACE, "metadata": {"name": "kube-system"}}, _NAMESPACE, _policy(policyTypes=_BOTH)),
        ),
    ),
    failing=(
        StackExample("no policy", (_NAMESPACE,)),
        StackExample("pods in a namespace that is not declared", (workload("Deployment", "web"),)),
        StackExample("one direction only", (_NAMESPACE, _policy())),
        StackExample("denies some pods only", (_NAMESPACE, _policy(policyTypes=_BOTH, podSelector={"matchLabels": {"app": "web"}}))),
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
