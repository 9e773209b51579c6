"""Which node admits which pod, regardless of free capacity: name, labels, affinity, taints; and if not, why.

Rule 1: the filters of kube-scheduler (plugins NodeName, NodeUnschedulable, TaintToleration, NodeAffinity) in this order; the reason for a
node is the first filter that rejects it.
Rule 2: preferences do not count, because they exclude no node.

Kubernetes documentation, "Assigning Pods to Nodes", "Taints and Tolerations". The DaemonSet controller adds tolerations to its pods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stacks.graph.relations.selectors import selects_node

if TYPE_CHECKING:
    from stacks.graph.capacity import Node

_CORDONED: Final = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
#: Taints that keep a pod from being scheduled; ``PreferNoSchedule`` does not.
_HARD: Final = frozenset({"NoSchedule", "NoExecute"})
#: Tolerations that the DaemonSet controller adds (kubernetes, pkg/controller/daemon/util, ``AddOrUpdateDaemonPodTolerations``).
_OF_DAEMONS: Final = (
    *({"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"} for key in ("not-ready", "unreachable")),
    *(
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoSchedule"}
        for key in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    ),
)
_OF_HOST_NETWORK: Final = {"key": "node.kubernetes.io/network-unavailable", "operator": "Exists", "effect": "NoSchedule"}


def refusal(pod_spec: Mapping[str, Any], node: Node, *, per_node: bool = False) -> str | None:
    """Return briefly why ``node`` never admits pods with this spec; None if its labels and taints admit them.

    ``per_node``: they are the pods of a DaemonSet.
    """
    name = pod_spec.get("nodeName")
    if name:  # bound to a node, which bypasses the scheduler
        return None if name == node.name else f"they are bound to node {name}"
    tolerations = (*(pod_spec.get("tolerations") or ()), *(_added(pod_spec) if per_node else ()))
    taints = (*node.taints, *([_CORDONED] if node.cordoned else []))
    if (taint := next((t for t in taints if t.get("effect") in _HARD and not tolerates(tolerations, t)), None)) is not None:
        return "it is cordoned" if taint is _CORDONED else f"its taint {_text(taint)} is not tolerated"
    if wanted := unmet_selector(pod_spec, node.labels):
        return f"they select {wanted}"
    return None if selected_by_affinity(pod_spec, node) else "their required node affinity excludes it"


def unmet_selector(pod_spec: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Return the entries of ``nodeSelector`` that a node with these labels does not match, ``disk=fast``; empty if it matches all."""
    selector = pod_spec.get("nodeSelector") or {}
    return ", ".join(f"{key}={value}" for key, value in sorted(selector.items()) if labels.get(key) != str(value))


def selected_by_affinity(pod_spec: Mapping[str, Any], node: Node) -> bool:
    """Whether the required node affinity of a pod allows ``node``."""
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    rule = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return rule is None or selects_node(rule.get("nodeSelectorTerms") or (), node.labels, node.name)


def tolerates_all(pod_spec: Mapping[str, Any], node: Node) -> bool:
    """Whether a pod tolerates every taint of ``node`` that keeps pods away."""
    return all(tolerates(pod_spec.get("tolerations") or (), taint) for taint in node.taints if taint.get("effect") in _HARD)


def _added(pod_spec: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (*_OF_DAEMONS, _OF_HOST_NETWORK) if pod_spec.get("hostNetwork") is True else _OF_DAEMONS


def tolerates(tolerations: Sequence[Mapping[str, Any]], taint: Mapping[str, Any]) -> bool:
    """Whether one of the ``tolerations`` covers ``taint``."""
    return any(
        (toleration.get("key") or taint.get("key")) == taint.get("key")
        and (toleration.get("effect") or taint.get("effect")) == taint.get("effect")
        and _operator_allows(toleration, taint)
        for toleration in tolerations
    )


def _operator_allows(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    match toleration.get("operator") or "Equal":
        case "Exists":
            return True
        case "Equal":
            return (toleration.get("value") or "") == (taint.get("value") or "")
        case _:
            return False


def _text(taint: Mapping[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"
