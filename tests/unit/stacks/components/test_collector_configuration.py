from __future__ import annotations

from typing import Any

import pytest

from stacks.components.telemetry import collector_configuration
from stacks.environment import Environment, Telemetry
from stacks.environment.thresholds import Threshold

ENVIRONMENT = Environment(name="test", thresholds=[Threshold("p95_e2e_ms < 3000")])
CONFIGURATIONS = {"agent": collector_configuration.agent(ENVIRONMENT), "gateway": collector_configuration.gateway(ENVIRONMENT)}
PIPELINES = [(who, name) for who, config in CONFIGURATIONS.items() for name in config["service"]["pipelines"]]


def pipeline(who: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = CONFIGURATIONS[who]["service"]["pipelines"][name]
    return found


@pytest.mark.parametrize(("who", "name"), PIPELINES)
def test_a_pipeline_names_only_what_is_configured(who: str, name: str) -> None:
    config = CONFIGURATIONS[who]
    connectors = set(config.get("connectors", ()))
    assert set(pipeline(who, name)["receivers"]) <= set(config["receivers"]) | connectors
    assert set(pipeline(who, name)["processors"]) <= set(config["processors"])
    assert set(pipeline(who, name)["exporters"]) <= set(config["exporters"]) | connectors


@pytest.mark.parametrize(("who", "name"), PIPELINES)
def test_memory_is_limited_first_and_batching_comes_last(who: str, name: str) -> None:
    processors = pipeline(who, name)["processors"]
    if "forward" not in pipeline(who, name)["receivers"]:  # what was forwarded has passed the limiter
        assert processors[0] == "memory_limiter"
    if "batch" in processors:
        assert processors[-1] == "batch"


@pytest.mark.parametrize("name", ["traces", "metrics", "logs"])
def test_the_sender_is_recognised_before_the_batch_hides_it(name: str) -> None:
    processors = pipeline("agent", name)["processors"]
    assert processors.index("memory_limiter") < processors.index("k8sattributes") < processors.index("batch")


def test_rates_are_computed_from_all_spans_and_not_from_the_sample() -> None:
    assert pipeline("gateway", "traces")["exporters"] == ["spanmetrics", "forward"]
    assert "tail_sampling" not in pipeline("gateway", "traces")["processors"]
    assert pipeline("gateway", "traces/kept")["receivers"] == ["forward"]
    assert pipeline("gateway", "traces/kept")["processors"][0] == "tail_sampling"


def test_the_spans_of_a_trace_meet_in_one_gateway() -> None:
    assert pipeline("agent", "traces")["exporters"] == ["loadbalancing"]
    assert CONFIGURATIONS["agent"]["exporters"]["loadbalancing"]["routing_key"] == "traceID"


def test_a_trace_is_judged_after_the_longest_stream_unless_every_trace_is_kept() -> None:
    def waits_s(configuration: dict[str, Any]) -> int:
        return int(configuration["processors"]["tail_sampling"]["decision_wait"].removesuffix("s"))

    assert waits_s(CONFIGURATIONS["gateway"]) > 60
    every = Environment(name="test", telemetry=Telemetry(trace_sample_share=1))
    assert waits_s(collector_configuration.gateway(every)) < 30


def test_slow_is_what_the_environment_calls_slow() -> None:
    policies = {p["name"]: p for p in CONFIGURATIONS["gateway"]["processors"]["tail_sampling"]["policies"]}
    assert policies["slow"]["latency"]["threshold_ms"] == 3000
    assert policies["sample"]["probabilistic"]["sampling_percentage"] == 10
    silent = collector_configuration.gateway(Environment(name="test"))
    assert silent["processors"]["tail_sampling"]["policies"][1]["latency"]["threshold_ms"] == 10_000


def test_prompts_and_answers_are_not_exported() -> None:
    deleted = {action["key"] for action in CONFIGURATIONS["gateway"]["processors"]["attributes/redact"]["actions"]}
    assert {"gen_ai.input.messages", "gen_ai.output.messages"} <= deleted
    for name in ("traces/kept", "logs"):
        assert "attributes/redact" in pipeline("gateway", name)["processors"]


@pytest.mark.parametrize("who", CONFIGURATIONS)
def test_nothing_listens_on_every_address(who: str) -> None:
    assert "0.0.0.0" not in str(CONFIGURATIONS[who])


def test_an_agent_writes_nothing_to_a_disk() -> None:
    """No extension keeps a queue, and the container's file system is read-only."""
    assert all(set(config["extensions"]) == {"health_check"} for config in CONFIGURATIONS.values())


def test_kept_traces_go_to_the_store_of_the_environment() -> None:
    assert pipeline("gateway", "traces/kept")["exporters"] == ["nop"]
    kept = collector_configuration.gateway(Environment.model_validate({"name": "test", "telemetry": {"trace_store": "jaeger"}}))
    (exporter,) = kept["service"]["pipelines"]["traces/kept"]["exporters"]
    assert kept["exporters"][exporter]["endpoint"] == "jaeger.telemetry.svc:4317"
