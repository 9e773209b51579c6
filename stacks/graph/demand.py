"""What the pods of a graph ask for, and which nodes would take them.

Rule 1: a workload is a controller with its pods (or a bare Pod); what it asks is read from the pod template as the scheduler reads
it: requests, else limits; init containers count where they are larger; overhead is added.
Rule 2: a CronJob runs at times only: its pods are ``scheduled`` and take no room in a steady state.

Kubernetes documentation, "Assigning Pods to Nodes", "Taints and Tolerations", "Pod Priority and Preemption".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stacks.graph import labels
from stacks.graph.capacity import GIB, Amounts, quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stacks.graph import Graph, Resource
    from stacks.graph.capacity import Node

#: Priorities that every cluster has without an object (kubernetes, pkg/apis/scheduling/types.go).
_SYSTEM_PRIORITIES: Final = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}


@dataclass(frozen=True)
class Workload:
    """The pods of one controller: ``replicas`` of them, or one on every fitting node where ``per_node``.

    ``evicts``: whether they may push out pods of lower priority. ``scheduled``: they run at times only (CronJob).
    """

    resource: Resource
    replicas: int
    requests: Amounts
    priority: int
    evicts: bool
    per_node: bool
    scheduled: bool

    @property
    def label(self) -> str:
        """``Deployment ai/ai-stack``."""
        return self.resource.label

    @property
    def is_engine(self) -> bool:
        """Whether its pods generate tokens."""
        return self.resource.pod_labels.get(labels.ROLE) == labels.ROLE_ENGINE

    def pod(self, index: int) -> str:
        """Return a readable name of its pod number ``index`` (from 0): ``ai/ai-stack-0``."""
        prefix = f"{self.resource.namespace}/" if self.resource.namespace else ""
        return f"{prefix}{self.resource.object_name}-{index}"

    def admitted_by(self, node: Node) -> bool:
        """Whether the node's labels and taints let its pods in, whatever room there is."""
        spec = self.resource.pod_spec
        selector = spec.get("nodeSelector") or {}
        if any(node.labels.get(key) != str(value) for key, value in selector.items()):
            return False
        return _affinity_allows(spec, node.labels) and all(_tolerated(taint, spec.get("tolerations") or ()) for taint in node.taints)


def workloads(graph: Graph) -> tuple[Workload, ...]:
    """Return the workloads of ``graph``, most important first, then by label.

    Raises:
        ConfigurationError: a request is not a quantity.
    """
    classes = {r.object_name: r.inputs for r in graph.objects("PriorityClass")}
    default = next((int(c.get("value", 0)) for c in classes.values() if c.get("globalDefault")), 0)
    priorities = _SYSTEM_PRIORITIES | {name: int(c.get("value", 0)) for name, c in classes.items()}
    floors = {
        (r.namespace, str((r.spec.get("scaleTargetRef") or {}).get("name"))): int(r.spec.get("minReplicas", 1))
        for r in graph.objects("HorizontalPodAutoscaler")
    }
    found = [
        Workload(
            resource=resource,
            replicas=_replicas(resource, floors.get((resource.namespace, resource.object_name))),
            requests=_pod_requests(resource),
            evicts=classes.get(str(resource.pod_spec.get("priorityClassName")), {}).get("preemptionPolicy") != "Never",
            priority=priorities.get(str(resource.pod_spec.get("priorityClassName")), default),
            per_node=resource.kind == "DaemonSet",
            scheduled=resource.kind == "CronJob",
        )
        for resource in graph.objects()
        # What a controller made of its template (in a graph read from a live cluster) is counted at the controller.
        if resource.pod_template is not None and not resource.metadata.get("ownerReferences")
    ]
    return tuple(sorted(found, key=lambda workload: (-workload.priority, workload.label)))


def _replicas(resource: Resource, autoscaler_floor: int | None) -> int:
    if resource.kind == "Job":
        return int(resource.spec.get("parallelism", 1))
    if resource.kind in {"Pod", "DaemonSet", "CronJob"}:
        return 1
    declared = resource.spec.get("replicas")
    # An autoscaler owns the number once it runs; before that the object's own value holds, where it has one.
    return max(int(declared), autoscaler_floor or 0) if declared is not None else autoscaler_floor or 1


def _pod_requests(resource: Resource) -> Amounts:
    """Sidecars run beside the containers; other init containers run one by one before them, beside the sidecars started so far."""
    spec = resource.pod_spec
    running = Amounts()
    for container in resource.containers():
        running += _container_requests(container, resource.label)
    beside, peak = Amounts(), Amounts()
    for container in spec.get("initContainers") or ():
        asks = _container_requests(container, resource.label)
        if container.get("restartPolicy") == "Always":
            beside += asks
        else:
            peak = peak.at_least(beside + asks)
    return peak.at_least(running + beside) + _amounts(spec.get("overhead") or {}, f"{resource.label}, overhead")


def _container_requests(container: Mapping[str, Any], place: str) -> Amounts:
    resources = container.get("resources") or {}
    return _amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})}, f"{place}, container {container.get('name')}")


def _amounts(values: Mapping[str, Any], place: str) -> Amounts:
    cpu, memory, gpu = (quantity(values.get(key, 0), f"{place}, {key}") for key in ("cpu", "memory", labels.GPU_RESOURCE))
    return Amounts(cpu, memory / GIB, gpu)


def _tolerated(taint: Mapping[str, Any], tolerations: Any) -> bool:
    if taint.get("effect") not in {"NoSchedule", "NoExecute"}:
        return True
    return any(
        toleration.get("key") in {None, "", taint.get("key")}
        and toleration.get("effect") in {None, "", taint.get("effect")}
        and (toleration.get("operator") == "Exists" or (toleration.get("value") or "") == (taint.get("value") or ""))
        for toleration in tolerations
    )


def _affinity_allows(pod_spec: Mapping[str, Any], node_labels: Mapping[str, str]) -> bool:
    rule = ((pod_spec.get("affinity") or {}).get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if not rule:
        return True
    terms = rule.get("nodeSelectorTerms") or ()
    return any(all(_matches(e, node_labels) for e in term.get("matchExpressions") or ()) for term in terms)


def _matches(expression: Mapping[str, Any], node_labels: Mapping[str, str]) -> bool:
    value = node_labels.get(str(expression.get("key")))
    values: Sequence[str] = expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            fits = value in values
        case "NotIn":
            fits = value not in values
        case "Exists":
            fits = value is not None
        case "DoesNotExist":
            fits = value is None
        case "Gt" | "Lt" as operator:
            fits = _compare(value, values, operator)
        case _:
            fits = False
    return fits


def _compare(value: str | None, bounds: Sequence[str], operator: str) -> bool:
    """As the scheduler compares: one bound, and whole numbers on both sides; whatever else stands there fits no node."""
    try:
        (bound,), number = map(int, bounds), int(value or "")
    except ValueError:
        return False
    return number > bound if operator == "Gt" else number < bound


def claim_templates(graph: Graph) -> Iterator[Resource]:
    """Objects that ask for storage: claims, and stateful sets with claim templates."""
    yield from graph.objects("PersistentVolumeClaim")
    yield from (r for r in graph.objects("StatefulSet") if r.spec.get("volumeClaimTemplates"))
