from __future__ import annotations

from typing import Any

import pytest

from stacks.graph import labels
from workloads.composition.compose import CompositionError, compose

SETTINGS = {"labels": {labels.OWNER: "platform-team", labels.ENVIRONMENT: "lab"}, "priceBook": "bundled"}


def claim(kind: str, **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "mine", "namespace": "team-a"}, "spec": spec}


def environment(**spec: Any) -> dict[str, Any]:
    return claim("AiEnvironment", **{"size": "small", "region": "eu-central-1", "monthlyBudgetUsd": 2000.0, **spec})


def test_an_environment_bounds_its_namespace_and_tells_its_terms() -> None:
    found = compose(environment(replicas=2.0, gpuModel="NVIDIA-L4"), SETTINGS)
    assert found["bounds"]["spec"]["hard"] == {"requests.cpu": "4", "requests.memory": "16Gi", "pods": "20"}
    assert found["terms"]["data"] == {
        "size": "small",
        "region": "eu-central-1",
        "replicas": "2",
        "monthly_budget_usd": "2000",
        "price_book": "bundled",
        "gpu_model": "NVIDIA-L4",
    }


def test_a_gpu_pool_has_the_labels_of_every_other_pool() -> None:
    found = compose(claim("GpuPool", model="NVIDIA-L4", count=4.0, purchase="spot", region="eu-central-1", hours=12.0), SETTINGS)
    assert found["pool"]["metadata"]["labels"] == {
        **SETTINGS["labels"],  # type: ignore[dict-item]
        labels.POOL: "mine",
        labels.PURCHASE: "spot",
        labels.GPU_MODEL: "NVIDIA-L4",
        labels.GPU_PRESENT: "true",
        labels.REGION: "eu-central-1",
    }
    assert found["bounds"]["spec"]["hard"] == {f"requests.{labels.GPU_RESOURCE}": "4"}


@pytest.mark.parametrize(
    "found", [compose(environment(), SETTINGS), compose(claim("GpuPool", model="a", count=1, purchase="spot", region="b"), SETTINGS)]
)
def test_every_object_is_in_the_claim_s_namespace_and_says_whose_it_is(found: dict[str, Any]) -> None:
    for document in found.values():
        assert document["metadata"]["namespace"] == "team-a"
        assert SETTINGS["labels"].items() <= document["metadata"]["labels"].items()  # type: ignore[attr-defined]


def test_the_same_claim_gives_the_same_objects() -> None:
    assert compose(environment(), SETTINGS) == compose(environment(), SETTINGS)


def test_a_larger_size_has_larger_bounds() -> None:
    pods = [int(compose(environment(size=size), SETTINGS)["bounds"]["spec"]["hard"]["pods"]) for size in ("small", "medium", "large")]
    assert pods == sorted(set(pods))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (environment(size="huge"), "spec.size 'huge' is none of small, medium, large"),
        (claim("Database"), "no composition of Database; known: Ai"),
    ],
)
def test_what_cannot_be_composed_is_told_in_a_sentence(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(CompositionError, match=words):
        compose(wrong, SETTINGS)
