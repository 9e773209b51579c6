"""A kind is its name in its group; an object is the same in every version of it, with or without `default`."""

from __future__ import annotations

import pytest

from stacks.graph import Resource
from stacks.graph.kinds import KINDS, standard


def resource(api_version: str, kind: str, name: str = "web", namespace: str | None = None) -> Resource:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return Resource(f"urn:{api_version}:{kind}:{name}", kind, name, inputs={"apiVersion": api_version, "kind": kind, "metadata": metadata})


@pytest.mark.parametrize(
    ("api_version", "kind", "ours"),
    [
        ("v1", "Node", True),
        ("longhorn.io/v1beta2", "Node", False),
        ("networking.k8s.io/v1", "NetworkPolicy", True),
        ("extensions/v1beta1", "NetworkPolicy", True),
        ("projectcalico.org/v3", "NetworkPolicy", False),
        ("apps/v1beta2", "Deployment", True),
        ("apps.kruise.io/v1beta1", "StatefulSet", False),
        ("batch.volcano.sh/v1alpha1", "Job", False),
        ("serving.knative.dev/v1", "Service", False),
        ("v1", "Deployment", False),
    ],
)
def test_a_kind_is_known_by_its_group(api_version: str, kind: str, ours: bool) -> None:
    assert resource(api_version, kind).is_a(kind) is ours
    assert (standard(api_version, kind) is KINDS[kind]) is ours


def test_a_custom_kind_is_known_by_its_name() -> None:
    assert resource("spire.spiffe.io/v1alpha1", "ClusterSPIFFEID").is_a("ClusterSPIFFEID")


def test_one_object_has_one_key_in_every_version_and_with_the_default_namespace() -> None:
    keys = {
        resource(version, "Deployment", namespace=namespace).object_key
        for version in ("apps/v1", "apps/v1beta2", "extensions/v1beta1")
        for namespace in (None, "default")
    }
    assert keys == {("apps", "Deployment", "default", "web")}
    assert resource("v1", "Node", namespace="default").object_key == resource("v1", "Node").object_key
    assert resource("apps/v1", "Deployment", namespace="a").object_key not in keys
    assert resource("apps.kruise.io/v1", "Deployment").object_key not in keys
