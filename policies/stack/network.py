"""``every-namespace-default-deny``: traffic that nobody allowed does not flow, in and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.stack.examples import Manifest, workload
from policies.stack.rule import Breach, NotApplicableError, Situation, StackExample, StackRule
from stacks.graph import Resource
from stacks.rules import EXEMPT_NAMESPACES


def _judge(situation: Situation) -> Iterator[Breach]:
    namespaces = _namespaces(situation)
    if not namespaces:
        raise NotApplicableError("the graph has neither namespaces nor pods")
    denied: dict[str, set[str]] = {}
    for policy in situation.graph.objects("NetworkPolicy"):
        denied.setdefault(policy.namespace or "default", set()).update(_denies(policy))
    for namespace, resource in sorted(namespaces.items()):
        if missing := [direction for direction in ("Ingress", "Egress") if direction not in denied.get(namespace, ())]:
            yield Breach(f"namespace {namespace} has no default deny for {' and '.join(missing).lower()}", resource)


def _namespaces(situation: Situation) -> dict[str, Resource]:
    """Namespaces that are declared or hold pods, each with the resource that shows it."""
    found = {r.namespace or "default": r for r in reversed(situation.graph.resources) if r.pod_template is not None}
    found |= {r.object_name: r for r in situation.graph.objects("Namespace")}
    return {name: resource for name, resource in found.items() if name not in EXEMPT_NAMESPACES}


def _denies(policy: Resource) -> set[str]:
    """Directions in which the policy takes all traffic from all pods of its namespace."""
    if policy.spec.get("podSelector"):
        return set()
    types = policy.spec.get("policyTypes") or ["Ingress", *(["Egress"] if policy.spec.get("egress") else [])]
    return {direction for direction in types if not policy.spec.get(direction.lower())}


def _policy(**spec: Any) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": "app"},
        "spec": {"podSelector": {}, **spec},
    }


_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}}
_BOTH = ["Ingress", "Egress"]

EVERY_NAMESPACE_DEFAULT_DENY: Final = StackRule(
    id="every-namespace-default-deny",
    title="Every namespace denies traffic by default, in and out",
    reason="Without it every pod reaches every other and the internet: one broken web server reads the store and carries the data out.",
    fix="Add a NetworkPolicy with empty `podSelector`, `policyTypes: [Ingress, Egress]` and no rules; then allow by name what is needed.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("both directions", (_NAMESPACE, _policy(policyTypes=_BOTH))),
        StackExample(
            "exceptions beside it",
            (
                _NAMESPACE,
                _policy(policyTypes=_BOTH),
                _policy(policyTypes=["Ingress"], ingress=[{}], podSelector={"matchLabels": {"app": "web"}}),
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
        StackExample("a rule lets everything in", (_NAMESPACE, _policy(policyTypes=_BOTH, ingress=[{}]))),
    ),
)
