"""Objects that a controller made are found at the controller, where the graph has it."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.graph import Graph, Resource
from stacks.graph.demand import workloads
from stacks.graph.relations.owners import Owners

SPEC = {"containers": [{"name": "c", "image": "c:1.0.0"}]}


def made(kind: str, name: str, *owners: tuple[str, str, str], version: str = "apps/v1", namespace: str = "a") -> Resource:
    references = [{"apiVersion": v, "kind": k, "name": n} for v, k, n in owners]
    template = {"template": {"spec": SPEC}}
    spec = SPEC if kind == "Pod" else {"jobTemplate": {"spec": template}} if kind == "CronJob" else template
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "ownerReferences": references}
    return Resource(
        f"urn:{kind}:{namespace}/{name}", kind, name, inputs={"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
    )


DEPLOYMENT = made("Deployment", "web")
REPLICA_SET = made("ReplicaSet", "web-5d4f8", ("apps/v1", "Deployment", "web"))
POD = made("Pod", "web-5d4f8-abc", ("apps/v1", "ReplicaSet", "web-5d4f8"), version="v1")
CRON_JOB = made("CronJob", "nightly", version="batch/v1")
RUN = made("Pod", "nightly-2939-x", ("batch/v1", "Job", "nightly-2939"), version="v1")
OPERATED = made("StatefulSet", "db", ("postgresql.cnpg.io/v1", "Cluster", "db"))


@pytest.mark.parametrize(
    ("graph", "labels"),
    [
        ([DEPLOYMENT, REPLICA_SET, POD], ["Deployment a/web"]),
        ([DEPLOYMENT, POD], ["Deployment a/web"]),
        ([REPLICA_SET, POD], ["ReplicaSet a/web-5d4f8"]),
        ([POD], ["Pod a/web-5d4f8-abc"]),
        ([CRON_JOB, RUN], ["CronJob a/nightly"]),
        ([OPERATED], ["StatefulSet a/db"]),
        ([made("Deployment", "web", namespace="b"), POD], ["Deployment b/web", "Pod a/web-5d4f8-abc"]),
    ],
)
def test_pods_are_counted_once(graph: list[Resource], labels: list[str]) -> None:
    assert [workload.label for workload in workloads(Graph.of(graph, "test"))] == labels


def test_the_outermost_controller_is_the_maker_and_a_circle_ends() -> None:
    graph = Graph.of([DEPLOYMENT, REPLICA_SET, POD], "test")
    assert [maker and maker.label for maker in map(Owners(graph).maker, graph)] == [None, "Deployment a/web", "Deployment a/web"]
    one, other = made("ReplicaSet", "x", ("apps/v1", "ReplicaSet", "y")), made("ReplicaSet", "y", ("apps/v1", "ReplicaSet", "x"))
    owners = Owners(Graph.of([one, other], "test"))
    assert [owners.maker(one), owners.maker(other)] == [None, None]
