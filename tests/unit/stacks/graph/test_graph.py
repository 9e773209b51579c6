from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.graph import SECRET, UNKNOWN, Graph, Resource, compare, normalise_inputs


def deployment(name: str = "web", replicas: Any = 2, **metadata: Any) -> Resource:
    inputs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ai", **metadata},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c"}]}}},
    }
    return Resource(f"urn:pulumi:t::p::kubernetes:apps/v1:Deployment::{name}", "kubernetes:apps/v1:Deployment", name, inputs=inputs)


def test_numbers_without_a_fraction_are_integers() -> None:
    assert Graph.of([deployment(replicas=2.0)], "a").digest == Graph.of([deployment(replicas=2)], "b").digest


def test_what_only_a_server_writes_does_not_count() -> None:
    live = deployment(uid="1", resourceVersion="7", creationTimestamp="now", annotations={"deployment.kubernetes.io/revision": "1"})
    live.inputs["status"] = {"readyReplicas": 2}  # type: ignore[index]
    assert Graph.of([live], "live").digest == Graph.of([deployment()], "program").digest


def test_secrets_and_unknowns_are_marks() -> None:
    inputs = {
        "data": {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"},
        "id": "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "nothing": None,
    }
    assert normalise_inputs(inputs) == {"data": SECRET, "id": UNKNOWN}


def test_the_digest_covers_objects_not_how_the_program_is_cut() -> None:
    component = Resource("urn:pulumi:t::p::sandtable:x:C::c", "sandtable:x:C", "c")
    child = Resource("urn:other", "kubernetes:apps/v1:Deployment", "renamed", component.urn, ("d",), deployment().inputs)
    assert Graph.of([component, child], "a").digest == Graph.of([deployment()], "b").digest


def test_a_component_of_others_does_not_count() -> None:
    part, bucket = (Resource(f"urn:{kind}", f"acme:infra:{kind}", "x", custom=kind == "Bucket") for kind in ("Part", "Bucket"))
    assert Graph.of([part, deployment()], "a").digest == Graph.of([deployment()], "b").digest
    assert Graph.of([bucket, deployment()], "a").digest != Graph.of([deployment()], "b").digest


def test_a_number_that_an_autoscaler_owns_is_told_so() -> None:
    target = {"kind": "Deployment", "name": "a"}
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a", "namespace": "ai"}}
    hpa = Resource("urn:hpa", "hpa", "a", inputs={**scaler, "spec": {"scaleTargetRef": target}})
    declared = Graph.of([deployment("a", 5), deployment("b", 5), hpa], "program")
    deployed = Graph.of([deployment("a", 3), deployment("b", 3), hpa], "state")
    assert compare(declared, deployed).changed == {
        "Deployment ai/a": ("spec.replicas (left to the autoscaler)",),
        "Deployment ai/b": ("spec.replicas",),
    }


def test_any_change_of_an_object_changes_the_digest() -> None:
    assert Graph.of([deployment(replicas=3)], "a").digest != Graph.of([deployment()], "b").digest


def test_comparison_names_objects_and_paths() -> None:
    difference = compare(Graph.of([deployment("a"), deployment("b")], "x"), Graph.of([deployment("b", 3), deployment("c")], "y"))
    assert difference.added == ("Deployment ai/c",)
    assert difference.removed == ("Deployment ai/a",)
    assert difference.changed == {"Deployment ai/b": ("spec.replicas",)}
    assert not compare(Graph.of([deployment()], "x"), Graph.of([deployment()], "y"))


@pytest.mark.parametrize(("digest", "changed"), [("", {}), ("1", {"Function f": ("spec.package",)})])
def test_the_digest_of_a_build_is_no_change_of_what_is_declared(digest: str, changed: dict[str, tuple[str, ...]]) -> None:
    def function(package: str) -> Graph:
        head = {"apiVersion": "pkg.crossplane.io/v1", "kind": "Function", "metadata": {"name": "f"}}
        return Graph.of([Resource("u", "t", "f", inputs={**head, "spec": {"package": package}})], "x")

    assert compare(function("a/b:1"), function(f"a/b:1{digest}@sha256:{'0' * 64}")).changed == changed


def test_pods_are_found_in_every_kind_that_has_them() -> None:
    cron = Resource(
        "u", "kubernetes:batch/v1:CronJob", "c",
        inputs={"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"},
                "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "x"}]}}}}}},
    )  # fmt: skip
    assert [c["name"] for c in cron.containers()] == ["x"]
    assert deployment().pod_labels == {"a": "b"}
    assert next(Graph.of([cron, deployment()], "x").with_label("a", "b")).kind == "Deployment"


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), json, max_size=4))
def test_normalising_twice_is_normalising_once(inputs: dict[str, Any]) -> None:
    once = normalise_inputs(inputs)
    assert normalise_inputs(once) == once
