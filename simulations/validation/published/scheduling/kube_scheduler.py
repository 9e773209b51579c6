"""Random clusters, placed by the real kube-scheduler of an embedded control plane and by the twin, pod by pod.

Pod k is placed after the *real* placements of the pods 1 … k-1, so that one disagreement does not cause the next. The scheduler draws among
the nodes with the highest score; it agrees where its choice is one of ours, or where both find none.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from foundation.processes.attempts import attempts
from simulations.cluster import best_nodes
from simulations.errors import SimulationError
from simulations.kernel import Streams
from simulations.validation.row import Figure, Row, UnavailableError
from simulations.validation.tolerance import at_least
from stacks.clusters.embedded import EmbeddedCluster
from stacks.clusters.embedded.access import Connection
from stacks.errors import ClusterError
from stacks.graph import Graph, Resource, labels
from stacks.graph.capacity import nodes
from stacks.graph.demand import Workload, workloads
from toolchain import ToolMissingError

_CLUSTERS: Final = 200
_SPACE: Final = "validate"
_HOST, _ZONE = "kubernetes.io/hostname", labels.ZONE
_APPS: Final = ("a", "b", "c", "d")
_WITHIN_S: Final = 60.0


def measure(_: Path) -> Iterator[Figure]:
    """Yield the share of pods whose real node is among ours, over all clusters."""
    with tempfile.TemporaryDirectory(prefix="sandtable-") as folder:
        cluster = EmbeddedCluster("validate", Path(folder) / "cluster")
        try:
            cluster.start()
            decisions = list(placements(cluster, range(_CLUSTERS)))
        except (ClusterError, ToolMissingError) as error:
            raise UnavailableError(str(error)) from error
        finally:
            cluster.delete()
    yield Figure("real choices among our best nodes, %", 99.0, _share(agrees(*decision) for decision in decisions), n=len(decisions))
    # Else the clusters would ask for nothing.
    yield Figure("pods that found a node, %", 50.0, _share(real is not None for real, _ in decisions), n=len(decisions))


def placements(cluster: EmbeddedCluster, seeds: Iterable[int]) -> Iterator[tuple[str | None, tuple[str, ...]]]:
    """Place the pods of a random cluster for each seed; yield for each pod its real node, None if it found none, and our best nodes.

    Raises:
        ClusterError: the control plane does not decide.
    """
    with (api := cluster.api()).kept_open():
        _prepare(api)
        for seed in seeds:
            yield from _pods(api, Streams(seed).stream("cluster"), f"c{seed}")


def agrees(real: str | None, ours: tuple[str, ...]) -> bool:
    """Whether the scheduler chose one of our nodes, or both found none."""
    return real in ours if real else not ours


def _share(answers: Iterable[bool]) -> float:
    return 100 * fmean(answers)


def _pods(api: Connection, dice: random.Random, cluster: str) -> Iterator[tuple[str | None, tuple[str, ...]]]:
    fleet = [_node(dice, f"{cluster}-n{index}") for index in range(dice.randint(2, 10))]
    count = dice.randint(10, 50)
    apps = {f"{_SPACE}/{name}": _app(dice, name, count) for name in _APPS[: dice.randint(1, len(_APPS))]}
    graph = Graph.of((Resource.of_manifest(manifest, "random") for manifest in (*fleet, *apps.values())), "random")
    ours, kinds = nodes(graph), workloads(graph)
    _renew(api, fleet)
    here: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    for _ in range(count):
        name = dice.choice(sorted(apps))
        workload = _named(kinds, name)
        pod = workload.pod(numbers[name])
        found = best_nodes(workload, kinds, ours, here)
        numbers[name] += 1
        real = _place(api, pod.rpartition("/")[2], apps[name]["spec"]["template"])
        if real is not None:
            here[pod] = real
        yield real, found


def _named(kinds: tuple[Workload, ...], name: str) -> Workload:
    return next(workload for workload in kinds if workload.resource.name == name)


def _prepare(api: Connection) -> None:
    """A namespace, and a Service for each app: a bare pod is spread by the Services that select it."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _SPACE}})
    for name in _APPS:
        spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
        api.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": _SPACE}, "spec": spec})
    _await("its service account", lambda: api.ok(f"/api/v1/namespaces/{_SPACE}/serviceaccounts/default"))


def _renew(api: Connection, fleet: list[dict[str, Any]]) -> None:
    """Replace the nodes. The scheduler has seen all of them once it has put a pod on the last."""
    api.remove(f"/api/v1/namespaces/{_SPACE}/pods?gracePeriodSeconds=0")
    api.remove("/api/v1/nodes")
    for node in fleet:
        api.apply(node)
    _await("its nodes", lambda: all(_ready(api, node["metadata"]["name"]) for node in fleet))
    last = {"nodeSelector": {_HOST: fleet[-1]["metadata"]["name"]}, "tolerations": [{"operator": "Exists"}]}
    pod = {"metadata": {"labels": {}}, "spec": {**last, "containers": [{"name": "c", "image": "c:1.0.0"}]}}
    _await("the scheduler", lambda: _place(api, "last", pod) is not None)
    api.remove(f"/api/v1/namespaces/{_SPACE}/pods/last?gracePeriodSeconds=0")


def _ready(api: Connection, name: str) -> bool:
    node = api.get(f"/api/v1/nodes/{name}") or {}
    passing = any(taint["key"].startswith("node.kubernetes.io/") for taint in node.get("spec", {}).get("taints") or ())
    return "cpu" in (node.get("status", {}).get("allocatable") or {}) and not passing


def _place(api: Connection, name: str, template: dict[str, Any]) -> str | None:
    """Create a pod and return the node that the scheduler gave it; a pod without one is removed, so that it does not come back later."""
    place = f"/api/v1/namespaces/{_SPACE}/pods/{name}"
    spec = {**template["spec"], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    metadata = {**template["metadata"], "name": name, "namespace": _SPACE}
    if not api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}):
        raise SimulationError(f"the API server refused the pod {name}")
    decided: dict[str, Any] = {}

    def is_decided() -> bool:
        decided.update(api.get(place) or {})
        reasons = {c.get("reason") for c in decided.get("status", {}).get("conditions") or () if c["type"] == "PodScheduled"}
        return "nodeName" in decided.get("spec", {}) or "Unschedulable" in reasons

    _await(f"pod {name}", is_decided)
    node: str | None = decided["spec"].get("nodeName")
    if node is None:
        api.remove(f"{place}?gracePeriodSeconds=0")
    return node


def _await(what: str, ready: Callable[[], bool]) -> None:
    if not any(ready() for _ in attempts(_WITHIN_S, 0.002)):
        raise ClusterError(f"the control plane did not decide about {what} in {_WITHIN_S:.0f} s")


def _node(dice: random.Random, name: str) -> dict[str, Any]:
    own = {_HOST: name, "disk": dice.choice(["fast", "slow"]), **({_ZONE: dice.choice("xyz")} if dice.random() < 0.9 else {})}
    offers = {
        labels.KWOK_NODE: "fake",
        labels.CAPACITY_CPU: str(dice.choice([2, 4, 8, 16])),
        labels.CAPACITY_MEMORY: f"{dice.choice([4, 8, 16, 64])}Gi",
        labels.CAPACITY_PODS: str(dice.choice([8, 110])),
    }
    taints = [{"key": "spot", "value": "yes", "effect": dice.choice(["PreferNoSchedule", "PreferNoSchedule", "NoSchedule"])}]
    spec = {"taints": taints if dice.random() < 0.4 else []}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": own, "annotations": offers}, "spec": spec}


def _app(dice: random.Random, name: str, replicas: int) -> dict[str, Any]:
    asks = {"cpu": f"{dice.choice([50, 100, 250, 700, 1500])}m", "memory": f"{dice.choice([64, 256, 900, 2000])}Mi"}
    stated = {key: value for key, value in asks.items() if dice.random() < 0.8}
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "c:1.0.0", "resources": {"requests": stated}}]}
    wishes: dict[str, Any] = {}
    if _often(dice):
        wishes["nodeAffinity"] = {_PREFERRED: [{"weight": dice.randint(1, 100), "preference": _disk(dice)} for _ in range(2)]}
    for rule in ("podAffinity", "podAntiAffinity"):
        if _often(dice):
            wishes[rule] = {_PREFERRED: [{"weight": dice.randint(1, 100), "podAffinityTerm": _term(dice)}]}
        if _often(dice, 0.15):
            wishes.setdefault(rule, {})[_REQUIRED] = [_term(dice)]
    if _often(dice, 0.4):
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": dice.randint(1, 3),
                "topologyKey": key,
                "whenUnsatisfiable": dice.choice(["ScheduleAnyway", "ScheduleAnyway", "DoNotSchedule"]),
                "labelSelector": {"matchLabels": {"app": dice.choice([name, name, "a"])}},
            }
            for key in dice.sample([_HOST, _ZONE], dice.randint(1, 2))
        ]
    if _often(dice):
        spec["tolerations"] = [{"key": "spot", "operator": "Exists", **({"effect": "NoSchedule"} if _often(dice, 0.5) else {})}]
    if _often(dice, 0.15):
        spec["nodeSelector"] = {"disk": "fast"}
    template = {"metadata": {"labels": {"app": name}}, "spec": {**spec, "affinity": wishes}}
    metadata = {"name": name, "namespace": _SPACE}
    selected = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": selected}


_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def _often(dice: random.Random, share: float = 0.3) -> bool:
    return dice.random() < share


def _disk(dice: random.Random) -> dict[str, Any]:
    return {"matchExpressions": [{"key": "disk", "operator": "In", "values": [dice.choice(["fast", "slow"])]}]}


def _term(dice: random.Random) -> dict[str, Any]:
    return {"topologyKey": dice.choice([_HOST, _ZONE]), "labelSelector": {"matchLabels": {"app": dice.choice(_APPS)}}}


ROW: Final = Row(
    id="scheduler",
    setup=f"{_CLUSTERS} random clusters of 2 to 10 nodes and 10 to 50 pods with preferences, spreading, affinity and taints; "
    "pod k after the real placements of the pods before it",
    source="kube-scheduler 1.36 with its default configuration, on the embedded control plane",
    expected="the real choice lies in the set of nodes with our highest score",
    tolerance=at_least("%"),
    measure=measure,
    limits="clusters of 100 nodes and more, where the scheduler scores a share of them only; volumes; images that a node already has",
)
