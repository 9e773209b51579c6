"""The autoscalers that a graph declares."""

from __future__ import annotations

from typing import Any

import pytest

from simulations.errors import TwinError
from simulations.scaling.declared import Target, declared
from stacks.errors import ConfigurationError


def hpa(build: Any, metrics: Any = None, **spec: Any) -> Any:
    said = {"scaleTargetRef": {"kind": "Deployment", "name": "ai"}, "minReplicas": 1, "maxReplicas": 4, "metrics": metrics, **spec}
    return build._object("autoscaling/v2", "HorizontalPodAutoscaler", "ai", "ai", {}, said)


def keda(build: Any, **spec: Any) -> Any:
    trigger = {"type": "prometheus", "metadata": {"query": "sum(vllm:num_requests_waiting)", "threshold": "5"}}
    said = {"scaleTargetRef": {"name": "ai"}, "triggers": [trigger], **spec}
    return build._object("keda.sh/v1alpha1", "ScaledObject", "ai", "queue", {}, said)


def found(build: Any, scaler: Any, **engine: Any) -> Any:
    return declared(build.graph(build.deployment("ai", 1, "gpu", engine=True, **engine), scaler))


CPU = [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]


def pods(name: str, value: Any = 3, kind: str = "Pods", field: str = "averageValue") -> list[Any]:
    return [{"type": kind, kind.lower(): {"metric": {"name": name}, "target": {field: value}}}]


@pytest.mark.parametrize(
    ("metrics", "target"),
    [
        (CPU, Target("cpu", 0.7)),
        (None, Target("cpu", 0.8)),
        (pods("vllm:num_requests_waiting"), Target("waiting", 3)),
        (pods("llamacpp:requests_processing", "1500m"), Target("running", 1.5)),
        (pods("requests_in_flight", kind="External"), Target("in_flight", 3, of_all=True)),
        (pods("requests_in_flight", kind="External", field="value"), Target("in_flight", 3, of_all=True, shared=False)),
    ],
)
def test_what_an_autoscaler_scales_by(build: Any, metrics: Any, target: Target) -> None:
    assert found(build, hpa(build, metrics)).scalers[0].targets == (target,)


def test_the_rules_of_behaviour_are_read_and_the_others_are_the_defaults(build: Any) -> None:
    slow = {"scaleDown": {"stabilizationWindowSeconds": 60, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}]}}
    bounds = found(build, hpa(build, CPU, behavior=slow)).scalers[0].bounds
    assert (bounds.down.stabilisation_s, bounds.down.policies[0].value) == (60, 1)
    assert bounds.up.stabilisation_s == 0


def test_a_scaled_object_scales_to_zero_unless_it_has_a_minimum(build: Any) -> None:
    to_zero, kept = (found(build, keda(build, **more)).scalers[0] for more in ({}, {"minReplicaCount": 1}))
    assert (to_zero.to_zero, to_zero.bounds.least, to_zero.bounds.most) == (True, 1, 100)
    assert not kept.to_zero


@pytest.mark.parametrize("metrics", [pods("orders_waiting"), [{"type": "Resource", "resource": {"name": "memory"}}], []])
def test_a_metric_that_the_twin_does_not_know_is_not_guessed(build: Any, metrics: Any) -> None:
    answer = found(build, hpa(build, metrics))
    assert not answer.scalers
    assert "is not simulated" in answer.unknown[0]


def test_pods_that_request_no_cpu_have_no_share_of_it(build: Any) -> None:
    assert "request none" in found(build, hpa(build, CPU), cpu="0").unknown[0]


def test_an_autoscaler_of_something_else_is_not_about_engines(build: Any) -> None:
    other = hpa(build, CPU, scaleTargetRef={"kind": "Deployment", "name": "web"})
    assert not found(build, other).scalers
    assert not found(build, other).unknown


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"maxReplicas": "many"}, "number of replicas"),
        ({"minReplicas": 2.5}, "number of replicas"),
        ({"maxReplicas": float("nan")}, "number of replicas"),
        ({"maxReplicas": float("inf")}, "number of replicas"),
        ({"metrics": pods("requests_in_flight", "nan")}, "quantity"),
        ({"metrics": pods("requests_in_flight", -1)}, "0 or more"),
        ({"metrics": pods("requests_in_flight", 0)}, "above 0"),
        ({"metrics": CPU, "behavior": {"scaleUp": {"selectPolicy": "Most"}}}, "Max, Min or Disabled"),
        ({"metrics": "cpu"}, "does not have the form of a HorizontalPodAutoscaler"),
        ({"metrics": [{"type": "Pods", "pods": "requests"}]}, "does not have the form"),
        ({"metrics": 7}, "does not have the form"),
        ({"metrics": CPU, "behavior": "slow"}, "does not have the form"),
    ],
)
def test_what_makes_no_sense_is_named(build: Any, spec: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        found(build, hpa(build, **{"metrics": CPU, **spec}))


def test_bounds_that_contradict_each_other(build: Any) -> None:
    with pytest.raises(TwinError, match="minimum"):
        found(build, hpa(build, CPU, minReplicas=5))
