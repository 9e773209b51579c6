"""Which pods a label selector selects, who scales them, and what a disruption budget leaves of them (Kubernetes, "Disruptions")."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource
from stacks.graph.demand import Workload


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


def autoscalers(graph: Graph, workload: Workload) -> list[Resource]:
    """Return the autoscalers that decide how many replicas the workload has."""
    resource = workload.resource
    return [
        scaler
        for scaler in graph.objects("HorizontalPodAutoscaler")
        if (scaler.namespace or "default") == (resource.namespace or "default")
        and (target := scaler.spec.get("scaleTargetRef") or {}).get("kind") == resource.kind
        and target.get("name") == resource.object_name
    ]


def fewest(scaler: Resource) -> int:
    """Return how many replicas an autoscaler leaves at least (Kubernetes: 1 where nothing is said)."""
    return int(scaler.spec.get("minReplicas", 1))


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
        if (budget.namespace or "default") == (resource.namespace or "default")
        and selects(budget.spec.get("selector"), resource.pod_labels)
    ]


def disruption(budget: Resource, replicas: int) -> Disruption:
    """Return what ``budget`` lets go of ``replicas`` healthy pods; percentages are rounded up, as the controller does.

    Raises:
        ConfigurationError: the budget's number is none.
    """
    if "maxUnavailable" in budget.spec:
        takes = min(replicas, _count(budget, "maxUnavailable", replicas))
        return Disruption(takes, replicas - takes)
    leaves = min(replicas, _count(budget, "minAvailable", replicas))
    return Disruption(replicas - leaves, leaves)


def _count(budget: Resource, key: str, replicas: int) -> int:
    value = budget.spec.get(key, 1)
    if (match := re.fullmatch(r"([0-9]{1,9})(%?)", str(value))) is None:
        raise ConfigurationError(f"{budget.label}: `spec.{key}` is {value!r}; a whole number or a percentage is expected, such as 1 or 25%")
    return math.ceil(replicas * int(match[1]) / 100) if match[2] else int(match[1])
