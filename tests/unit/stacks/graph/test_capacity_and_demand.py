"""What nodes offer and pods ask for, as the scheduler reads it."""

from __future__ import annotations

import pytest
import yaml

from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource
from stacks.graph.capacity import Amounts, nodes, pools
from stacks.graph.demand import workloads


def graph_of(*documents: str) -> Graph:
    objects = [o for text in documents for o in yaml.safe_load_all(text)]
    return Graph.of((Resource(f"urn:{o['kind']}:{o['metadata']['name']}", o["kind"], "", inputs=o) for o in objects), "test")


PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ai}
spec:
  template:
    spec:
      priorityClassName: serving
      nodeSelector: {disk: fast}
      tolerations: [{key: gpu, operator: Exists}]
      initContainers:
        - {name: once, resources: {requests: {cpu: "3"}}}
        - {name: mesh, restartPolicy: Always, resources: {requests: {cpu: 200m}}}
      containers:
        - {name: a, resources: {requests: {cpu: "1"}, limits: {cpu: "2", memory: 1Gi}}}
        - {name: b, resources: {requests: {cpu: 500m, memory: 512Mi}}}
      overhead: {memory: 128Mi}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: ai}
spec: {minReplicas: 3, scaleTargetRef: {kind: Deployment, name: web}}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: serving}
value: 500
preemptionPolicy: Never
"""


def test_a_pod_asks_for_its_containers_or_its_largest_init_container() -> None:
    (web,) = workloads(graph_of(PODS))
    # CPU: the init container's 3 exceed 1 + 0.5 + 0.2 of the sidecar. Memory: limits stand in for missing requests.
    assert web.requests == Amounts(3.0, 1.0 + 0.5 + 0.125, 0.0)
    assert (web.priority, web.evicts) == (500, False)


def test_sidecars_run_beside_the_containers_and_beside_later_init_containers() -> None:
    (web,) = workloads(graph_of(PODS.replace('cpu: "3"', 'cpu: "1"')))
    assert web.requests.cpu == pytest.approx(1 + 0.5 + 0.2)
    swapped = PODS.replace("{name: once, ", "{name: later, restartPolicy: Always, ").replace(
        "{name: mesh, restartPolicy: Always, ", "{name: mesh, "
    )
    (web,) = workloads(graph_of(swapped))
    assert web.requests.cpu == pytest.approx(max(3 + 0.2, 3 + 1.5))


def test_an_autoscaler_gives_the_replicas_where_the_deployment_gives_none() -> None:
    assert workloads(graph_of(PODS))[0].replicas == 3
    assert workloads(graph_of(PODS.replace("spec:\n  template", "spec:\n  replicas: 5\n  template", 1)))[0].replicas == 5


def test_pods_made_by_a_controller_are_not_counted_twice() -> None:
    owner = "{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d4f8}"
    pod = f"{{apiVersion: v1, kind: Pod, metadata: {{name: web-1, namespace: ai, ownerReferences: [{owner}]}}, spec: {{containers: []}}}}"
    assert [w.label for w in workloads(graph_of(PODS, pod))] == ["Deployment ai/web"]
    assert [w.label for w in workloads(graph_of(pod))] == ["Pod ai/web-1"], "a pod whose controller is in no graph stands for itself"


NODE = """
apiVersion: v1
kind: Node
metadata: {name: n, labels: {disk: fast, size: "4"}, annotations: {sandtable.dev/capacity-cpu: "8", sandtable.dev/capacity-memory: 32Gi}}
spec: {taints: [{key: gpu, value: present, effect: NoSchedule}]}
"""


@pytest.mark.parametrize(
    ("change", "admitted"),
    [
        (("", ""), True),
        (("{disk: fast}", "{disk: slow}"), False),
        (("[{key: gpu, operator: Exists}]", "[]"), False),
        (("[{key: gpu, operator: Exists}]", "[{operator: Exists}]"), True),
        (("[{key: gpu, operator: Exists}]", "[{key: gpu, value: present, effect: NoSchedule}]"), True),
        (("[{key: gpu, operator: Exists}]", "[{key: gpu, value: absent}]"), False),
    ],
)
def test_selectors_and_taints_decide_who_is_admitted(change: tuple[str, str], admitted: bool) -> None:
    (web,) = workloads(graph_of(PODS.replace(*change)))
    (node,) = nodes(graph_of(NODE))
    assert web.admitted_by(node) is admitted


@pytest.mark.parametrize(
    ("expression", "admitted"),
    [
        ("{key: disk, operator: In, values: [fast, slow]}", True),
        ("{key: disk, operator: NotIn, values: [fast]}", False),
        ("{key: disk, operator: Exists}", True),
        ("{key: colour, operator: DoesNotExist}", True),
        ("{key: size, operator: Gt, values: ['3']}", True),
        ("{key: size, operator: Lt, values: ['4']}", False),
        ("{key: size, operator: Weird}", False),
    ],
)
def test_node_affinity_decides_who_is_admitted(expression: str, admitted: bool) -> None:
    terms = f"{{nodeSelectorTerms: [{{matchExpressions: [{expression}]}}]}}"
    rule = f"{{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {terms}}}}}"
    (web,) = workloads(graph_of(PODS.replace("      overhead:", f"      affinity: {rule}\n      overhead:")))
    (node,) = nodes(graph_of(NODE))
    assert web.admitted_by(node) is admitted


def test_a_node_that_says_nothing_has_unknown_capacity_not_none_at_all() -> None:
    (node,) = nodes(graph_of("{apiVersion: v1, kind: Node, metadata: {name: bare}}"))
    assert node.capacity is None
    assert node.pool == "(no pool)"


def test_a_bound_that_is_no_number_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"Node n, annotation sandtable.dev/pool-max: 'many' is not a number of nodes"):
        nodes(graph_of("{apiVersion: v1, kind: Node, metadata: {name: n, annotations: {sandtable.dev/pool-max: many}}}"))


POOL = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: node-pool-gpu
  labels: {sandtable.dev/pool: gpu, sandtable.dev/purchase: spot, nvidia.com/gpu.product: L4}
  annotations: {sandtable.dev/nodes-made-by: existing, sandtable.dev/pool-min: "3", sandtable.dev/price: aws/east/g6.xlarge}
data:
  zones: '["a", "b"]'
  taints: '[{"key": "gpu", "value": "present", "effect": "NoSchedule"}]'
"""


def test_nodes_that_are_in_no_graph_are_read_off_their_pool_turn_by_turn_in_its_zones() -> None:
    found = nodes(graph_of(POOL))
    assert [(node.name, node.zone) for node in found] == [("gpu-0", "a"), ("gpu-1", "b"), ("gpu-2", "a")]
    assert {(node.gpu_model, node.purchase, node.price_reference) for node in found} == {("L4", "spot", "aws/east/g6.xlarge")}
    (web,) = workloads(graph_of(PODS.replace("nodeSelector: {disk: fast}", "nodeSelector: {sandtable.dev/pool: gpu}")))
    assert web.admitted_by(found[0])


@pytest.mark.parametrize("change", [("existing", "stack"), ('pool-min: "3"', 'pool-min: "0"')])
def test_a_pool_without_nodes_is_known_all_the_same(change: tuple[str, str]) -> None:
    graph = graph_of(POOL.replace(*change), NODE)
    assert [node.name for node in nodes(graph)] == ["n"], "nodes of the stack itself are nodes of the graph"
    assert [(pool.pool, pool.zone) for pool in pools(graph)] == [("(no pool)", ""), ("gpu", "a")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('["a", "b"]', "a, b"), "data zones: 'a, b' is not a list of texts in JSON"),
        (('["a", "b"]', "[1]"), "data zones: '\\[1\\]' is not a list of texts"),
        (('[{"key": "gpu", "value": "present", "effect": "NoSchedule"}]', '["gpu"]'), "data taints: .* is not a list of objects in JSON"),
    ],
)
def test_a_pool_that_was_edited_by_hand_is_named(change: tuple[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ConfigMap node-pool-gpu, {words}"):
        nodes(graph_of(POOL.replace(*change)))
