"""The requests of a graph's pods, and which nodes admit them.

Rule 1: a workload is a controller with its pods (or a bare Pod). Its requests are read from the pod template as the scheduler does:
requests, else limits; init containers count if they are larger; overhead is added.
Rule 2: a CronJob runs only at times: its pods are ``scheduled`` and occupy no capacity in the steady state.
Rule 3: pods that a controller made from its template (in a graph read from a live cluster) count at the controller.

Kubernetes documentation, "Assigning Pods to Nodes", "Taints and Tolerations", "Pod Priority and Preemption".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stacks.errors import ConfigurationError
from stacks.graph import labels
from stacks.graph.capacity import Amounts
from stacks.graph.recognition.custom_pods import custom_pods, with_template
from stacks.graph.recognition.vllm import runs_vllm
from stacks.graph.relations.owners import Owners
from stacks.graph.scheduling import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stacks.graph import Graph, Resource
    from stacks.graph.capacity import Node

#: Built-in priorities, which exist without an object (kubernetes, pkg/apis/scheduling/types.go).
_SYSTEM_PRIORITIES: Final = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}

#: What the scheduler takes for a container without a request when it compares nodes (kubernetes, pkg/scheduler/util/pod_resources.go).
_STAND_INS: Final = MappingProxyType({"cpu": "100m", "memory": "200Mi"})

#: The label that the API server puts on every namespace.
_NAMESPACE: Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Workload:
    """The pods of one controller: ``replicas`` of them, or one on every suitable node if ``per_node``.

    ``evicts``: whether they may preempt pods of lower priority. ``scheduled``: they run only at times (CronJob). ``unreadable``: why
    ``requests`` are unknown, which are zero then; empty if they are known. ``part``: path of their template in a custom resource.
    ``scored_requests``: what the scheduler takes for them when it compares nodes: a container without a request counts as a small one.
    """

    resource: Resource
    replicas: int
    requests: Amounts
    priority: int
    evicts: bool
    per_node: bool
    scheduled: bool
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    unreadable: str = ""
    part: str = ""
    scored_requests: Amounts = field(default_factory=Amounts)

    @property
    def namespace(self) -> str:
        """Namespace of its pods; ``default`` if the object names none."""
        return self.resource.namespace or "default"

    @property
    def label(self) -> str:
        """``Deployment ai/ai-stack``, ``RayCluster ai/ray (spec.headGroupSpec.template)``."""
        return self.resource.label + (f" ({self.part})" if self.part else "")

    @property
    def is_engine(self) -> bool:
        """Whether its pods generate tokens."""
        return runs_engine(self.resource)

    def pod(self, index: int) -> str:
        """Return a readable name of its pod number ``index`` (from 0): ``ai/ai-stack-0``."""
        return f"{self._pods}-{index}"

    @cached_property
    def _pods(self) -> str:
        prefix = f"{self.resource.namespace}/" if self.resource.namespace else ""
        return f"{prefix}{self.resource.object_name}{'-' if self.part else ''}{self.part}"

    def admitted_by(self, node: Node) -> bool:
        """Whether the node's labels and taints admit its pods, regardless of free capacity."""
        return self.refused_by(node) is None

    def refused_by(self, node: Node) -> str | None:
        """Return why the node never admits its pods (see :func:`stacks.graph.scheduling.refusal`), None if it may."""
        return refusal(self.resource.pod_spec, node, per_node=self.per_node)


def runs_engine(resource: Resource) -> bool:
    """Whether the pods of a controller generate tokens: the stack's own say so by their role, others by running vLLM."""
    role = resource.pod_labels.get(labels.ROLE)
    return role == labels.ROLE_ENGINE or (role is None and any(map(runs_vllm, resource.containers())))


def workloads(graph: Graph) -> tuple[Workload, ...]:
    """Return the workloads of ``graph``, most important first, then by label.

    Raises:
        ConfigurationError: a request is not a quantity.
    """
    found = readable_workloads(graph)
    for workload in found:
        if workload.unreadable:
            raise ConfigurationError(workload.unreadable)
    return found


def readable_workloads(graph: Graph) -> tuple[Workload, ...]:
    """Return the workloads of ``graph`` as :func:`workloads` does; a problem with reading one is in its ``unreadable``."""
    return graph.known.once(_read)


def _read(graph: Graph) -> tuple[Workload, ...]:
    owners = Owners(graph)
    build = _Workloads(graph)
    found = [w for resource in graph.objects() if owners.maker(resource) is None for w in build.of(resource)]
    return tuple(sorted(found, key=lambda workload: (-workload.priority, workload.label)))


class _Workloads:
    """Reads workloads, with the objects of the graph that affect them."""

    def __init__(self, graph: Graph) -> None:
        self._classes = {r.object_name: r.inputs for r in graph.objects("PriorityClass")}
        self._default = next((int(c.get("value", 0)) for c in self._classes.values() if c.get("globalDefault")), 0)
        self._priorities = _SYSTEM_PRIORITIES | {name: int(c.get("value", 0)) for name, c in self._classes.items()}
        self._floors = _floors(graph)
        self._namespaces = {r.object_name: r.labels for r in graph.objects("Namespace")}

    def of(self, resource: Resource) -> Iterator[Workload]:
        """Read the workloads of an object: one if it has pods, one for each pod template of a custom resource."""
        if resource.pod_template is not None:
            yield self._workload(resource, _replicas(resource, self._floors.get(resource.object_key[1:])))
        for pods in custom_pods(resource):
            yield self._workload(with_template(resource, pods), pods.replicas, part=pods.where)

    def _workload(self, resource: Resource, replicas: int, part: str = "") -> Workload:
        named, namespace = str(resource.pod_spec.get("priorityClassName")), resource.namespace or "default"
        try:
            requests, scored, unreadable = _pod_requests(resource), _pod_requests(resource, _STAND_INS), ""
        except ConfigurationError as error:
            requests, scored, unreadable = Amounts(), Amounts(), str(error)
        return Workload(
            resource=resource,
            replicas=replicas,
            requests=requests,
            evicts=self._classes.get(named, {}).get("preemptionPolicy") != "Never",
            priority=self._priorities.get(named, self._default),
            per_node=resource.kind == "DaemonSet",
            scheduled=resource.kind == "CronJob",
            namespace_labels={_NAMESPACE: namespace, **self._namespaces.get(namespace, {})},
            unreadable=unreadable,
            part=part,
            scored_requests=scored,
        )


def _floors(graph: Graph) -> dict[tuple[str, str, str], int]:
    """The minimum replicas of the autoscalers, by kind, namespace and name of the scale target."""
    found = {}
    for scaler in graph.objects("HorizontalPodAutoscaler"):
        target = scaler.spec.get("scaleTargetRef") or {}
        key = (str(target.get("kind")), scaler.namespace or "default", str(target.get("name")))
        found[key] = int(scaler.spec.get("minReplicas", 1))
    return found


def _replicas(resource: Resource, autoscaler_floor: int | None) -> int:
    spec = resource.spec
    if resource.kind == "Job":
        most = int(spec.get("completions", spec.get("parallelism", 1)))
        return 0 if spec.get("suspend") is True else min(int(spec.get("parallelism", 1)), most)
    if resource.kind in {"Pod", "DaemonSet", "CronJob"}:
        return 1
    declared = spec.get("replicas")
    # Once an autoscaler runs it owns the number; until then the object's own value applies, if any. It does not scale up from zero.
    if declared is not None:
        return max(int(declared), autoscaler_floor or 0) if int(declared) else 0
    return autoscaler_floor or 1


def _pod_requests(resource: Resource, stand_ins: Mapping[str, str] = MappingProxyType({})) -> Amounts:
    """Sum up as kube-scheduler does (component-helpers, ``resource.PodRequests``); ``stand_ins`` for what a container does not ask for.

    Sidecars run beside the containers; other init containers run one by one before them, beside the sidecars started so far. Pod-level
    requests replace that sum, resource by resource.
    """
    spec = resource.pod_spec
    running = Amounts()
    for container in resource.containers():
        running += _container_requests(container, resource.label, stand_ins)
    beside, peak = Amounts(), Amounts()
    for container in spec.get("initContainers") or ():
        asks = _container_requests(container, resource.label, stand_ins)
        if container.get("restartPolicy") == "Always":
            beside += asks
        else:
            peak = peak.at_least(beside + asks)
    of_containers = peak.at_least(running + beside)
    return _of_pod(spec, of_containers, resource.label) + Amounts.of(spec.get("overhead") or {}, f"{resource.label}, overhead")


def _of_pod(spec: Mapping[str, Any], of_containers: Amounts, place: str) -> Amounts:
    """The pod-level requests (KEP-2837) for CPU, memory and huge pages; a limit counts only if no container has a request."""
    resources = spec.get("resources") or {}
    wanted = {name: value for name, value in (resources.get("requests") or {}).items() if _is_of_pods(name)}
    limits = {name: value for name, value in (resources.get("limits") or {}).items() if _is_of_pods(name) and name not in wanted}
    asked = Amounts.of(wanted, f"{place}, resources of the pod")
    stand_in = Amounts.of(limits, f"{place}, resources of the pod")

    def decided(name: str, request: float, limit: float, containers: float) -> float:
        return request if name in wanted else containers or limit

    pages = asked.others.keys() | stand_in.others.keys()
    return Amounts(
        decided("cpu", asked.cpu, stand_in.cpu, of_containers.cpu),
        decided("memory", asked.memory_gib, stand_in.memory_gib, of_containers.memory_gib),
        of_containers.gpu,
        {
            **of_containers.others,
            **{
                name: decided(name, asked.others.get(name, 0.0), stand_in.others.get(name, 0.0), of_containers.others.get(name, 0.0))
                for name in pages
            },
        },
    )


def _is_of_pods(resource: str) -> bool:
    return resource in {"cpu", "memory"} or resource.startswith("hugepages-")


def _container_requests(container: Mapping[str, Any], place: str, stand_ins: Mapping[str, str]) -> Amounts:
    resources = container.get("resources") or {}
    asked = {**stand_ins, **(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return Amounts.of(asked, f"{place}, container {container.get('name')}")


def claim_templates(graph: Graph) -> Iterator[Resource]:
    """Objects that request storage: claims, and StatefulSets with claim templates."""
    yield from graph.objects("PersistentVolumeClaim")
    yield from (r for r in graph.objects("StatefulSet") if r.spec.get("volumeClaimTemplates"))
