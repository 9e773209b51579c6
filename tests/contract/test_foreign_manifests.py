"""Whatever stands in somebody's manifests: it is judged, or refused with its place; no reader of a graph trips over it.

Every field of every object below is replaced by values of a wrong kind, one at a time.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from policies import assess
from stacks.errors import StackError
from stacks.graph import labels
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.graph.sources import from_manifests
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook

Path_ = tuple[str | int, ...]

WRONG: tuple[Any, ...] = (5, "x", [], {}, None, True, [None], {"x": 5})
EXPRESSION = {"key": "tier", "operator": "Gt", "values": ["1"]}
POD = {
    "priorityClassName": "high",
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}],
    "overhead": {"cpu": "10m"},
    "affinity": {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [EXPRESSION]}]}}
    },
    "initContainers": [{"name": "wait", "image": "wait:1.0", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1m"}}}],
    "containers": [
        {
            "name": "main",
            "image": "main:1.0",
            "env": [{"name": "A", "value": "b"}],
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": 2}},
        }
    ],
}
TEMPLATE = {"metadata": {"labels": {"app": "web", labels.ROLE: labels.ROLE_ENGINE}, "annotations": {labels.WAIVER: "x: y"}}, "spec": POD}
SMALL = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "main:1.0"}]}}
SELECTOR = {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}


def manifest(kind: str, version: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": kind.lower(), "namespace": "web", "labels": {"a": "b"}}, **rest}


OBJECTS = [
    manifest("Deployment", "apps/v1", spec={"replicas": 2, "selector": SELECTOR, "template": TEMPLATE}),
    manifest(
        "StatefulSet",
        "apps/v1",
        spec={
            "replicas": 3,
            "template": SMALL,
            "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}],
        },
    ),
    manifest("CronJob", "batch/v1", spec={"schedule": "0 1 * * *", "jobTemplate": {"spec": {"parallelism": 1, "template": SMALL}}}),
    manifest("Job", "batch/v1", spec={"parallelism": 2, "template": SMALL}),
    manifest("Pod", "v1", spec=SMALL["spec"]),
    manifest("PodDisruptionBudget", "policy/v1", spec={"selector": SELECTOR, "minAvailable": 1, "maxUnavailable": "25%"}),
    manifest("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}], "egress": []}),
    manifest(
        "HorizontalPodAutoscaler",
        "autoscaling/v2",
        spec={"scaleTargetRef": {"kind": "Deployment", "name": "deployment"}, "minReplicas": 2, "maxReplicas": 4},
    ),
    manifest("PriorityClass", "scheduling.k8s.io/v1", value=1000, globalDefault=True, preemptionPolicy="Never"),
    manifest("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1", webhooks=[{"name": "a", "failurePolicy": "Fail"}]),
    manifest("Service", "v1", spec={"type": "LoadBalancer", "selector": {"app": "web"}}),
    manifest("ConfigMap", "v1", data={"zones": '["a"]'}),
    {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "n-0",
            "labels": {labels.POOL: "n", "disk": "fast", "tier": "2"},
            "annotations": {
                labels.CAPACITY_CPU: "4",
                labels.CAPACITY_MEMORY: "8Gi",
                labels.POOL_MIN: "1",
                labels.PRICE: "local/local/laptop",
            },
        },
        "spec": {"taints": [{"key": "gpu", "value": "x", "effect": "NoSchedule"}]},
    },
]


def paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


def replaced(value: Any, path: Path_, wrong: Any) -> Any:
    changed = copy.deepcopy(value)
    here = changed
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = wrong
    return changed


def judge(path: Path, objects: list[Any]) -> None:
    path.write_text("\n---\n".join(map(json.dumps, objects)), encoding="utf-8")
    graph = from_manifests([path])
    assert graph.digest
    # Each by itself: what one refuses another must still survive.
    for read in (workloads, nodes, lambda g: monthly_cost(g, PriceBook.bundled()), assess):
        with suppress(StackError):
            read(graph)


@pytest.mark.parametrize("index", range(len(OBJECTS)), ids=[o["kind"] for o in OBJECTS])
def test_a_field_of_the_wrong_kind_is_judged_or_refused_with_its_place(tmp_path: Path, index: int) -> None:
    file, refused = tmp_path / "theirs.yaml", list[str]()
    # The broken object, a node, and what else the readers join with it.
    others = [o for o in OBJECTS if o["kind"] in {"Node", "PriorityClass"} and o is not OBJECTS[index]]
    judge(file, [OBJECTS[index], *others])
    for path in paths(OBJECTS[index]):
        for wrong in WRONG:
            try:
                judge(file, [replaced(OBJECTS[index], path, wrong), *others])
            except StackError as error:
                refused.append(str(error))
    assert refused
    assert [text for text in refused if not text.startswith(f"{file} (document 1)")] == []
