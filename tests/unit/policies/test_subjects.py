"""Pods are judged wherever they stand: in custom resources, behind older groups, at the controller that made them."""

from __future__ import annotations

from typing import Any

import pytest

from policies import Assessment, assess
from policies.stack.rule import graph_of
from stacks.graph.demand import workloads

BAD = {"name": "a", "image": "nginx", "securityContext": {"privileged": True}}
POD = {"spec": {"containers": [BAD]}}


def custom(api_version: str, kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": "models"}, "spec": spec}


def privileged(*manifests: dict[str, Any]) -> list[str]:
    return [f"{one.resource}: {one.message}" for one in judged(*manifests).violations if one.rule == "no-privileged-pods"]


def judged(*manifests: dict[str, Any]) -> Assessment:
    return assess(graph_of(manifests))


@pytest.mark.parametrize(
    ("resource", "where", "pods"),
    [
        (custom("apps.kruise.io/v1beta1", "StatefulSet", replicas=3, template=POD), ["spec.template"], [3]),
        (custom("batch.volcano.sh/v1alpha1", "Job", tasks=[{"replicas": 4, "template": POD}]), ["spec.tasks[0].template"], [4]),
        (custom("serving.kserve.io/v1beta1", "InferenceService", predictor={"containers": [BAD]}), ["spec.predictor"], [1]),
        (
            custom("ray.io/v1", "RayCluster", headGroupSpec={"template": POD}, workerGroupSpecs=[{"replicas": 5, "template": POD}]),
            ["spec.headGroupSpec.template", "spec.workerGroupSpecs[0].template"],
            [1, 5],
        ),
        (
            custom(
                "leaderworkerset.x-k8s.io/v1",
                "LeaderWorkerSet",
                replicas=2,
                leaderWorkerTemplate={"size": 4, "leaderTemplate": POD, "workerTemplate": POD},
            ),
            ["spec.leaderWorkerTemplate.leaderTemplate", "spec.leaderWorkerTemplate.workerTemplate"],
            [2, 6],
        ),
        (
            custom(
                "jobset.x-k8s.io/v1alpha2",
                "JobSet",
                replicatedJobs=[{"replicas": 2, "template": {"spec": {"parallelism": 3, "template": POD}}}],
            ),
            ["spec.replicatedJobs[0].template.spec.template"],
            [6],
        ),
        (
            custom("kubeflow.org/v1", "PyTorchJob", pytorchReplicaSpecs={"Worker": {"replicas": 8, "template": POD}}),
            ["spec.pytorchReplicaSpecs.Worker.template"],
            [8],
        ),
        (custom("serving.knative.dev/v1", "Service", template=POD), ["spec.template"], [1]),
        (custom("argoproj.io/v1alpha1", "Rollout", replicas=2, template=POD), ["spec.template"], [2]),
    ],
)
def test_pods_in_custom_resources_are_judged_and_counted(resource: dict[str, Any], where: list[str], pods: list[int]) -> None:
    label = f"{resource['kind']} models/x"
    assert privileged(resource) == [f"{label}: privileged containers: a ({place})" for place in where]
    found = sorted(workloads(graph_of([resource])), key=lambda workload: workload.part)
    assert [(workload.part, workload.replicas) for workload in found] == list(zip(where, pods, strict=True))
    assert len({workload.pod(0) for workload in found}) == len(found)


@pytest.mark.parametrize(
    ("resource", "where"),
    [
        (custom("monitoring.coreos.com/v1", "Prometheus", containers=[{"name": "prometheus", "resources": {}}]), "spec"),
        (
            custom("argoproj.io/v1alpha1", "Workflow", templates=[{"container": {"image": "nginx", "command": ["a"]}}]),
            "spec.templates[0].container",
        ),
        (custom("tekton.dev/v1", "Task", steps=[{"image": "nginx", "script": "true"}]), "spec.steps"),
        (
            custom("example.org/v1", "Odd", template={"spec": {"containers": [{"name": "a", "image": "a:1.0.0", "env": 5}]}}),
            "spec.template",
        ),
    ],
)
def test_pods_that_an_operator_completes_are_told(resource: dict[str, Any], where: str) -> None:
    said = judged(resource)
    assert [rule.reason for rule in said.not_applicable if rule.rule == "every rule"] == [
        f"{resource['kind']} models/x: the pods that an operator makes of it are not known ({where})"
    ]
    assert not [one for one in said.findings if one.resource.endswith("models/x") and "default deny" not in one.message]


def test_patterns_of_policy_engines_are_no_pods() -> None:
    pattern = custom("kyverno.io/v1", "ClusterPolicy", rules=[{"validate": {"pattern": POD}}])
    assert privileged(pattern) == []


def test_a_former_group_is_the_same_kind() -> None:
    assert privileged(custom("extensions/v1beta1", "Deployment", template=POD)) == ["Deployment models/x: privileged containers: a"]


def test_a_waiver_on_a_custom_resource_counts_for_its_pods() -> None:
    resource = custom("apps.kruise.io/v1beta1", "StatefulSet", template=POD)
    resource["metadata"]["annotations"] = {"sandtable.dev/waiver": "no-privileged-pods: a driver"}
    assert privileged(resource) == []


def owned(kind: str, name: str) -> dict[str, Any]:
    owners = [{"apiVersion": "apps/v1", "kind": kind, "name": name}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x-1-a", "namespace": "models", "ownerReferences": owners}, **POD}


def test_what_a_waived_controller_made_is_judged_at_the_controller() -> None:
    controller = custom("apps/v1", "Deployment", template=POD)
    controller["metadata"]["annotations"] = {"sandtable.dev/waiver": "no-privileged-pods: a driver"}
    assert privileged(controller, owned("ReplicaSet", "x-1")) == []
    assert privileged(owned("ReplicaSet", "x-1")) == ["Pod models/x-1-a: privileged containers: a"], "its controller is in no graph"


def test_the_default_account_may_say_that_it_mounts_no_token() -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "models"}}
    pod = {**owned("None", "None"), "metadata": {"name": "x", "namespace": "models"}}

    def mounted(**of_account: Any) -> bool:
        return any(one.rule == "service-account-tokens" for one in judged({**account, **of_account}, pod).findings)

    assert mounted()
    assert not mounted(automountServiceAccountToken=False)
    assert mounted(automountServiceAccountToken=False, metadata={"name": "default", "namespace": "other"})
    assert mounted(automountServiceAccountToken=False, metadata={"name": "web", "namespace": "models"})


def test_nothing_in_the_clusters_own_namespaces_is_judged() -> None:
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "s", "namespace": "kube-system"},
        "data": {"DB_PASSWORD": "hunter2"},
    }
    store = custom("apps/v1", "StatefulSet", replicas=2, template={"spec": {"containers": [{"name": "etcd", "image": "etcd"}]}})
    store["metadata"]["namespace"] = "kube-system"
    rolled = custom("argoproj.io/v1alpha1", "Rollout", template=POD)
    rolled["metadata"]["namespace"] = "kube-system"
    assert judged(settings, store, rolled).findings == ()
