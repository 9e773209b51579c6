"""Which pods a label selector selects, and what a disruption budget leaves of them (Kubernetes, "Disruptions")."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stacks.demand import Workload
from stacks.graph import Graph, Resource


def selects(selector: Mapping[str, Any] | None, pod_labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects pods with these labels; an empty selector selects all, an absent one none."""
    if selector is None:
        return False
    exact = all(pod_labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return exact and all(_holds(expression, pod_labels) for expression in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], pod_labels: Mapping[str, str]) -> bool:
    value, values = pod_labels.get(str(expression.get("key"))), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Disruption:
    """What voluntary disruptions may take of a workload's pods at once, and what they leave."""

    takes: int
    leaves: int


def budgets(graph: Graph, workload: Workload) -> list[Resource]:
    """Return the disruption budgets that select the workload's pods."""
    resource = workload.resource
    return [
        budget
        for budget in graph.objects("PodDisruptionBudget")
        if budget.namespace == resource.namespace and selects(budget.spec.get("selector"), resource.pod_labels)
    ]


def disruption(budget: Resource, replicas: int) -> Disruption:
    """Return what ``budget`` lets go of ``replicas`` healthy pods; percentages are rounded up, as the controller does."""
    if "maxUnavailable" in budget.spec:
        takes = min(replicas, _count(budget.spec["maxUnavailable"], replicas))
        return Disruption(takes, replicas - takes)
    leaves = min(replicas, _count(budget.spec.get("minAvailable", 1), replicas))
    return Disruption(replicas - leaves, leaves)


def _count(value: Any, replicas: int) -> int:
    text = str(value)
    return math.ceil(replicas * float(text[:-1]) / 100) if text.endswith("%") else int(float(text))
