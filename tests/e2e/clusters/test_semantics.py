"""What we read of objects is what the API server and the scheduler read: they are asked about 200 generated ones of each kind."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import kubernetes
import pytest

from policies.stack.rule import graph_of
from stacks.clusters.embedded import EmbeddedCluster
from stacks.errors import ConfigurationError
from stacks.graph import labels
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.graph.quantities import quantity
from stacks.graph.relations.selectors import selects

pytestmark = pytest.mark.e2e

EACH = 200
Wait = Callable[[str, Callable[[], bool]], None]


class ApiServer:
    """Requests as they are, and their answers."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        self._client = kubernetes.config.new_client_from_config(str(cluster.kubeconfig), cluster.context)

    def __call__(self, method: str, path: str, body: Any = None, media_type: str = "application/json") -> tuple[int, Any]:
        pool = self._client.rest_client.pool_manager
        data = json.dumps(body) if body is not None else None
        answer = pool.request(method, self._client.configuration.host + path, body=data, headers={"Content-Type": media_type})
        return answer.status, json.loads(answer.data)


@pytest.fixture(scope="module")
def api(new_cluster: Callable[[str], EmbeddedCluster]) -> ApiServer:
    cluster = new_cluster("semantics")
    cluster.start()
    return ApiServer(cluster)


@pytest.fixture
def space(api: ApiServer) -> str:
    """Make a namespace of one's own."""
    status, made = api("POST", "/api/v1/namespaces", {"metadata": {"generateName": "semantics-"}})
    assert status == 201, made
    return str(made["metadata"]["name"])


NUMBERS = ["0", "1", "7", "512", "1.5", ".5", "5.", "0.1", "007", "+3", "1e", "", ".", "1..2", "9223372036854775808", "0.0000000001"]
SUFFIXES = [
    "",
    "",
    "m",
    "n",
    "u",
    "k",
    "K",
    "M",
    "Mi",
    "Gi",
    "G",
    "Ei",
    "E",
    "e3",
    "E3",
    "e-3",
    "e+2",
    "e30",
    "e1000000",
    "MB",
    "mi",
    "i",
    " Gi",
]


def a_quantity(rng: random.Random) -> str:
    return rng.choice(NUMBERS) + rng.choice(SUFFIXES)


def test_quantities_are_read_as_the_api_server_reads_them(api: ApiServer, space: str) -> None:
    rng, different, legal = random.Random(1), [], 0
    for text in (a_quantity(rng) for _ in range(EACH)):
        quota = {"metadata": {"name": "q"}, "spec": {"hard": {"limits.memory": text}}}
        status, answer = api("POST", f"/api/v1/namespaces/{space}/resourcequotas?dryRun=All", quota)
        theirs = quantity(answer["spec"]["hard"]["limits.memory"]) if status == 201 else None
        try:
            ours = quantity(text)
        except ConfigurationError:
            ours = None
        legal += status == 201
        # A list of resources has no amounts below a thousandth: the API server rounds them up.
        alike = ours == theirs if ours is None or theirs is None else max(ours, 0.001 * (ours > 0)) == pytest.approx(theirs, rel=1e-6)
        if not alike:
            different.append((text, status, theirs, ours))
    print(f"quantities: {EACH - len(different)} of {EACH} alike, {legal} of them legal")  # noqa: T201  # the figures are the result
    assert different == []
    assert legal >= EACH / 4


KEYS, VALUES = ("a", "b", "c"), ("x", "y", "z")


def a_requirement(rng: random.Random) -> dict[str, Any]:
    operator = rng.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    values = rng.sample(VALUES, rng.randint(1, 2)) if operator in {"In", "NotIn"} else []
    return {"key": rng.choice(KEYS), "operator": operator, "values": values}


def as_text(requirement: dict[str, Any]) -> str:
    key, values = requirement["key"], ",".join(requirement["values"])
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    return forms[requirement["operator"]]


def test_label_selectors_select_what_the_api_server_selects(api: ApiServer, space: str) -> None:
    rng, different = random.Random(2), []
    labelled = {f"s{i}": {key: rng.choice(VALUES) for key in KEYS if rng.random() < 0.6} for i in range(30)}
    for name, own in labelled.items():
        made = {"metadata": {"name": name, "labels": {**own, "test": "selectors"}}}
        assert api("POST", f"/api/v1/namespaces/{space}/configmaps", made)[0] == 201
    for _ in range(EACH):
        exact = {key: rng.choice(VALUES) for key in KEYS if rng.random() < 0.2}
        selector = {"matchLabels": exact, "matchExpressions": [a_requirement(rng) for _ in range(rng.randint(0, 2))]}
        texts = ["test=selectors", *(f"{key}={value}" for key, value in exact.items()), *map(as_text, selector["matchExpressions"])]
        query = "%2C".join(text.replace(" ", "%20").replace("=", "%3D").replace("!", "%21").replace(",", "%2C") for text in texts)
        _, answer = api("GET", f"/api/v1/namespaces/{space}/configmaps?labelSelector={query}")
        theirs = {item["metadata"]["name"] for item in answer["items"]}
        ours = {name for name, own in labelled.items() if selects(selector, own)}
        if theirs != ours:
            different.append((texts, theirs ^ ours))
    print(f"label selectors: {EACH - len(different)} of {EACH} alike")  # noqa: T201  # the figures are the result
    assert different == []


EXTENDED = {"nvidia.com/gpu": "8", "nvidia.com/mig-1g.5gb": "4", "amd.com/gpu": "2", "ephemeral-storage": "100Gi", "hugepages-2Mi": "4Gi"}


def a_node(rng: random.Random, index: int) -> dict[str, Any]:
    taints = [{"key": "dedicated", "value": rng.choice(VALUES), "effect": rng.choice(["NoSchedule", "NoExecute", "PreferNoSchedule"])}]
    own = {"disk": rng.choice(["fast", "slow"]), "size": str(rng.randint(1, 9)), "kubernetes.io/hostname": f"n{index}"}
    annotations = {
        labels.KWOK_NODE: "fake",
        labels.CAPACITY_CPU: str(rng.choice([100, 1000])),
        labels.CAPACITY_MEMORY: "4Ti",
        labels.CAPACITY_PODS: "500",
    }
    spec = {"taints": taints if rng.random() < 0.5 else [], "unschedulable": rng.random() < 0.15}
    return {"metadata": {"name": f"n{index}", "labels": own, "annotations": annotations}, "spec": spec}


def a_term(rng: random.Random) -> dict[str, Any]:
    operator = rng.choice(["Gt", "Lt", "In", "NotIn", "Exists", "DoesNotExist"])
    values = {"Exists": [], "DoesNotExist": [], "Gt": [str(rng.randint(0, 9))], "Lt": [str(rng.randint(0, 9))]}.get(operator, ["fast"])
    key = "size" if operator in {"Gt", "Lt"} else rng.choice(["disk", "absent"])
    term: dict[str, Any] = {"matchExpressions": [{"key": key, "operator": operator, "values": values}]} if rng.random() < 0.8 else {}
    if rng.random() < 0.3:
        term["matchFields"] = [{"key": "metadata.name", "operator": rng.choice(["In", "NotIn"]), "values": [f"n{rng.randint(0, 9)}"]}]
    return term


def a_pod(rng: random.Random, index: int, space: str) -> dict[str, Any]:
    asks: dict[str, str] = {"cpu": rng.choice(["10m", "10m", "500", "5000"]), "memory": "1Mi"}
    if rng.random() < 0.4:
        name = rng.choice([*EXTENDED, "example.org/fpga"])
        asks[name] = rng.choice(["2Mi", "90Ti"]) if name in {"ephemeral-storage", "hugepages-2Mi"} else rng.choice(["1", "9"])
    container = {"name": "c", "image": "c:1.0.0", "resources": {"requests": asks, "limits": {k: v for k, v in asks.items() if k != "cpu"}}}
    spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    if rng.random() < 0.3:
        spec["nodeSelector"] = {"disk": rng.choice(["fast", "slow", "none"])}
    if rng.random() < 0.5:
        terms = [a_term(rng) for _ in range(rng.randint(1, 2))]
        spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    if rng.random() < 0.6:
        toleration = {
            "key": "dedicated",
            "operator": "Equal",
            "value": rng.choice(VALUES),
            "effect": rng.choice(["NoSchedule", "NoExecute"]),
        }
        cordoned = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}
        every = {"key": "dedicated", "operator": "Exists"}
        spec["tolerations"] = rng.sample([toleration, every, cordoned, {"operator": "Exists"}], rng.randint(1, 2))
    if rng.random() < 0.2:
        spec["resources"] = {"requests": {"cpu": rng.choice(["5000", "20"])}}
        container["resources"]["requests"]["cpu"] = "10m"
    if rng.random() < 0.2:
        sidecar = {"requests": {"cpu": rng.choice(["1", "999"])}}
        spec["initContainers"] = [{"name": "s", "image": "s:1.0.0", "restartPolicy": "Always", "resources": sidecar}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{index}", "namespace": space}, "spec": spec}


def test_the_scheduler_finds_a_node_where_we_find_one(api: ApiServer, space: str, eventually: Wait) -> None:
    rng = random.Random(3)
    for collection in ("nodes", "pods"):  # of an earlier try
        for item in api("GET", f"/api/v1/{collection}")[1]["items"]:
            place = f"namespaces/{item['metadata']['namespace']}/pods" if collection == "pods" else collection
            api("DELETE", f"/api/v1/{place}/{item['metadata']['name']}?gracePeriodSeconds=0")
        eventually(f"no {collection} are left", lambda collection=collection: not api("GET", f"/api/v1/{collection}")[1]["items"])
    for index in range(10):
        assert api("POST", "/api/v1/nodes", a_node(rng, index))[0] == 201

    def fleet() -> list[dict[str, Any]]:
        return [{"apiVersion": "v1", "kind": "Node", **item} for item in api("GET", "/api/v1/nodes")[1]["items"]]

    eventually("every node offers CPU", lambda: all("cpu" in (node.get("status", {}).get("allocatable") or {}) for node in fleet()))
    for node in fleet():
        patch = {"status": {"capacity": EXTENDED, "allocatable": EXTENDED}}
        api("PATCH", f"/api/v1/nodes/{node['metadata']['name']}/status", patch, "application/merge-patch+json")
    own = {"dedicated", "node.kubernetes.io/unschedulable"}
    eventually("every node is ready", lambda: all(t["key"] in own for node in fleet() for t in node["spec"].get("taints", ())))
    eventually("pods may be made", lambda: api("GET", f"/api/v1/namespaces/{space}/serviceaccounts/default")[0] == 200)

    found = nodes(graph_of(fleet()))
    pods, ours, refused = [], {}, 0
    for index in range(EACH):
        pod = a_pod(rng, index, space)
        while (posted := api("POST", f"/api/v1/namespaces/{space}/pods", pod))[0] == 422:  # no valid pod: another one
            pod, refused = a_pod(rng, index, space), refused + 1
        assert posted[0] == 201, posted
        (workload,) = workloads(graph_of([pod]))
        ours[f"p{index}"] = {n.name for n in found if n.capacity and workload.admitted_by(n) and workload.requests.fits(n.capacity)}
        theirs: dict[str, Any] = {}

        def decided(name: str = f"p{index}", theirs: dict[str, Any] = theirs) -> bool:
            theirs.update(api("GET", f"/api/v1/namespaces/{space}/pods/{name}")[1])
            conditions = {c["type"]: c for c in theirs.get("status", {}).get("conditions") or ()}
            return "nodeName" in theirs["spec"] or conditions.get("PodScheduled", {}).get("reason") == "Unschedulable"

        eventually(f"p{index} is decided", decided)
        pods.append((f"p{index}", theirs["spec"].get("nodeName")))
        # Each pod is alone, so that the room of a node is what it offers.
        api("DELETE", f"/api/v1/namespaces/{space}/pods/p{index}?gracePeriodSeconds=0")
    different = [(name, node, ours[name]) for name, node in pods if (node is None) != (not ours[name]) or (node and node not in ours[name])]
    placed = sum(node is not None for _, node in pods)
    print(f"scheduling: {EACH - len(different)} of {EACH} alike, {placed} placed; {refused} were no valid pods")  # noqa: T201  # the figures are the result
    assert different == []
    assert EACH / 5 <= placed <= EACH * 4 / 5
