"""Which autoscalers and disruption budgets apply to a workload, and how many pods may be evicted (Kubernetes, "Disruptions")."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource
from stacks.graph.demand import Workload
from stacks.graph.relations.selectors import selects, selects_everything

#: The version of disruption budgets in which an empty selector selects no pod.
_EMPTY_SELECTS_NONE = "policy/v1beta1"


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
    """Return the minimum number of replicas of an autoscaler (Kubernetes' default: 1)."""
    return int(scaler.spec.get("minReplicas", 1))


@dataclass(frozen=True, slots=True)
class Disruption:
    """How many of a workload's pods voluntary disruptions may evict at once, and how many remain."""

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
        and not (budget.inputs["apiVersion"] == _EMPTY_SELECTS_NONE and selects_everything(budget.spec.get("selector")))
    ]


def disruption(budget: Resource, replicas: int) -> Disruption:
    """Return how many of ``replicas`` healthy pods ``budget`` lets go; percentages are rounded up, as in the controller.

    Raises:
        ConfigurationError: the budget's value is neither a number nor a percentage.
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
