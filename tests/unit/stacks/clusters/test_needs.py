"""The nodes that a cluster of somebody else must have, as its pools ask for them."""

from __future__ import annotations

from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import kubernetes.client
import pytest
from kubernetes.client import ApiException

from stacks.clusters import needs
from stacks.graph import Graph, Resource, labels


def pool(name: str, least: int, *, made_by: str = "existing", gpu: bool = False) -> Resource:
    gpu_labels = {labels.GPU_PRESENT: "true", labels.GPU_MODEL: "L4"} if gpu else {}
    metadata = {
        "name": f"node-pool-{name}",
        "labels": {labels.POOL: name, **gpu_labels},
        "annotations": {labels.POOL_MIN: str(least), labels.NODES_MADE_BY: made_by},
    }
    return Resource(f"urn:{name}", "", name, inputs={"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


def missing(monkeypatch: pytest.MonkeyPatch, *pools: Resource, nodes: list[dict[str, str]], status: HTTPStatus | None = None) -> list[str]:
    """What is said of a cluster with nodes of these labels."""

    class Api:
        def __init__(self, api: Any) -> None:
            pass

        def list_node(self, *, label_selector: str, _request_timeout: float) -> Any:
            assert label_selector == labels.POOL
            if status:
                raise ApiException(status=status)
            return SimpleNamespace(items=[SimpleNamespace(metadata=SimpleNamespace(labels=own)) for own in nodes])

    monkeypatch.setitem(vars(kubernetes.client), "CoreV1Api", Api)  # asking for the attribute would load every model of the core
    return needs.nodes_missing(None, Graph.of(pools, "test"))


def test_nodes_that_carry_the_label_are_the_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing(monkeypatch, pool("cpu", 2), nodes=[{labels.POOL: "cpu"}, {labels.POOL: "cpu", "disk": "fast"}]) == []


def test_too_few_are_told_with_the_command_that_labels_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = missing(monkeypatch, pool("cpu", 1), pool("gpu", 2, gpu=True), nodes=[{labels.POOL: "cpu"}, {labels.POOL: "gpu"}])
    assert found == [
        "pool gpu has 0 of at least 2 nodes: label them: `kubectl label node <node> sandtable.dev/pool=gpu nvidia.com/gpu.present=true`"
    ], "a node without the label that its pods select is none of the pool"


def test_pools_that_start_empty_or_are_made_by_somebody_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing(monkeypatch, pool("cpu", 0), pool("gpu", 2, made_by="karpenter"), pool("own", 1, made_by="stack"), nodes=[]) == []


def test_without_the_right_to_look_that_is_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    (sentence,) = missing(monkeypatch, pool("cpu", 1), nodes=[], status=HTTPStatus.FORBIDDEN)
    assert sentence.startswith("it does not allow us to list: nodes")
    with pytest.raises(ApiException):
        missing(monkeypatch, pool("cpu", 1), nodes=[], status=HTTPStatus.UNAUTHORIZED)
