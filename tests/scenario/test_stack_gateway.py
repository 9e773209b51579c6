"""The gateway in the stack: what the twin, a rehearsal and an operator read of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from stacks.components.workloads import gateway as component
from stacks.environment import Environment
from stacks.environment.file import load
from stacks.graph import Graph, Resource, labels
from stacks.graph.sources import from_program
from workloads.emulator.spec import EmulatorSpec
from workloads.gateway.configuration.document import Configuration
from workloads.gateway.configuration.loading import digest_of, parse
from workloads.gateway.spec import GatewaySpec

ROOT = Path(__file__).parents[2]
OFF: dict[str, Any] = {"secrets": {"engine": "none"}, "messaging": {"kind": "none"}, "runtime_rules": {"enabled": False}, "data_stores": []}


@cache
def graph(name: str) -> Graph:
    return from_program(load(name, root=ROOT))


def found(graph: Graph, kind: str, name: str) -> Resource:
    resource = graph.find(kind, name, "ai")
    assert resource is not None, f"{kind} {name}"
    return resource


def configuration(name: str) -> Configuration:
    return parse(json.loads(found(graph(name), "ConfigMap", "gateway").inputs["data"]["gateway.yaml"]), name)


@pytest.mark.parametrize("name", ["dev", "lab", "staging", "prod"])
def test_what_a_gateway_starts_with_is_in_the_graph(name: str) -> None:
    deployment = found(graph(name), "Deployment", "gateway")
    (container,) = deployment.containers()
    assert (container["name"], deployment.pod_labels[labels.ROLE]) == ("gateway", labels.ROLE_GATEWAY)
    spec = GatewaySpec.from_args(container["args"])
    assert spec.config == "/etc/gateway/gateway.yaml"
    assert [port["containerPort"] for port in container["ports"]] == [spec.port]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    files = [configuration(name).ledger, configuration(name).tenants["rehearsal"].keys[0].sha256_file, spec.config]
    assert {str(Path(file or "").parent) for file in files} == mounted


@pytest.mark.parametrize("name", ["dev", "lab", "staging", "prod"])
def test_a_gateway_takes_as_long_to_stop_as_its_requests_may(name: str) -> None:
    bounds = configuration(name).bounds
    grace_s = found(graph(name), "Deployment", "gateway").pod_spec["terminationGracePeriodSeconds"]
    assert grace_s > bounds.drain_delay_s + bounds.drain_s


def test_emulated_providers_are_at_the_emulator_each_under_its_name() -> None:
    providers = configuration("dev").providers
    (container,) = found(graph("dev"), "Deployment", "emulator").containers()
    spec = EmulatorSpec.from_args(container["args"])
    assert (container["name"], spec.profile, spec.seed) == ("emulator", "typical", 1)
    assert {name: one.base_url for name, one in providers.items()} == {
        "engine": "http://ai-stack.ai.svc:8080",
        "anthropic": f"http://emulator.ai.svc:{spec.port}/anthropic",
        "gemini": f"http://emulator.ai.svc:{spec.port}/gemini",
    }


def test_providers_outside_have_their_key_in_the_secret() -> None:
    assert graph("prod").find("Deployment", "emulator", "ai") is None
    files = {one.api_key_file for name, one in configuration("prod").providers.items() if name != "engine"}
    assert files == {"/run/secrets/gateway/anthropic_api_key", "/run/secrets/gateway/gemini_api_key"}
    assert configuration("prod").providers["engine"].price is not None
    ports = {entry["port"] for rule in found(graph("prod"), "NetworkPolicy", "gateway").spec["egress"] for entry in rule["ports"]}
    assert 443 in ports


class Known(str):
    """A secret whose value is known at once."""

    __slots__ = ()

    def apply(self, function: Callable[[str], str]) -> str:
        return function(self)


def test_the_secret_holds_the_digest_of_the_key_alone() -> None:
    fields = load("dev", root=ROOT).model_dump() | OFF
    with (
        mock.patch.object(component, "stack_secret", return_value=Known("token")),
        mock.patch.object(component.k8s.core.v1, "Secret", wraps=component.k8s.core.v1.Secret) as declared,
    ):
        from_program(Environment.model_validate(fields))
    (written,) = [call.kwargs["string_data"] for call in declared.call_args_list if call.args == ("ai/gateway-keys",)]
    assert written == {"rehearsal.sha256": digest_of("token"), "emulated_api_key": "emulated"}


def test_tenants_of_the_environment_are_in_the_configuration_by_the_digests_of_their_keys() -> None:
    fields = load("dev", root=ROOT).model_dump() | OFF
    batch = {"sha256": digest_of("b"), "limits": {"requests_per_min": 6}, "routes": ["small"]}
    fields["gateway"]["tenants"] = {"batch": batch}
    fields["traffic"]["mix"][0]["tenant"] = "batch"
    found_graph = from_program(Environment.model_validate(fields))
    configured = parse(json.loads(found(found_graph, "ConfigMap", "gateway").inputs["data"]["gateway.yaml"]), "test")
    assert list(configured.tenants) == ["rehearsal", "batch"]
    assert configured.tenants["batch"].keys[0].sha256 == digest_of("b")
    assert (configured.tenants["batch"].limits.requests_per_min, configured.tenants["batch"].routes) == (6, ("small",))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tenants": {"rehearsal": {"sha256": "0" * 64}}}, "this name belongs to the tenant"),
        ({"tenants": {"a": {"sha256": "0" * 64}, "b": {"sha256": "0" * 64}}}, "a has the same key"),
        ({"tenants": {"a": {"sha256": "0" * 64, "routes": ["nowhere"]}}}, "nowhere"),
        ({"tenants": {"a": {"sha256": "short"}}}, "a SHA-256 is expected|String should match"),
        ({"safety": {"enabled": True, "judge": "nowhere"}}, "nowhere"),
        ({"safety": {"enabled": True, "principles": "/etc/mine.json"}}, "mounts no such file"),
    ],
)
def test_a_tenant_or_a_judge_that_cannot_be_is_refused(change: dict[str, Any], why: str) -> None:
    fields = load("dev", root=ROOT).model_dump()
    fields["gateway"] |= change
    with pytest.raises(ValueError, match=why):
        Environment.model_validate(fields)


def test_traffic_names_only_tenants_that_there_are_and_routes_that_they_may_use() -> None:
    fields = load("dev", root=ROOT).model_dump()
    fields["traffic"]["mix"][0]["tenant"] = "nobody"
    with pytest.raises(ValueError, match="nobody"):
        Environment.model_validate(fields)
    fields["traffic"]["mix"][0]["tenant"] = "batch"
    fields["gateway"]["tenants"] = {"batch": {"sha256": "0" * 64, "routes": ["claude"]}}
    with pytest.raises(ValueError, match="small"):
        Environment.model_validate(fields)


def test_replicas_share_a_cache_where_the_environment_names_its_store() -> None:
    cache = configuration("prod").cache
    assert (cache.redis, cache.redis_password_file) == ("redis://cache.data.svc:6379", "/run/secrets/gateway/store_password")
    ports = {entry["port"] for rule in found(graph("prod"), "NetworkPolicy", "gateway").spec["egress"] for entry in rule["ports"]}
    assert 6379 in ports
    assert configuration("dev").cache.redis is None


def test_only_the_gateway_reaches_the_engines_and_the_emulator() -> None:
    for name in ("ai-stack", "emulator"):
        callers = [
            peer.get("podSelector", {}).get("matchLabels")
            for rule in found(graph("dev"), "NetworkPolicy", name).spec["ingress"]
            for peer in rule["from"]
            if peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == "ai"
        ]
        assert callers == [{labels.ROLE: labels.ROLE_GATEWAY}], name


def test_an_autoscaler_and_a_disruption_budget_come_when_they_are_asked_for() -> None:
    scaler = found(graph("prod"), "HorizontalPodAutoscaler", "gateway")
    assert (scaler.spec["minReplicas"], scaler.spec["maxReplicas"]) == (3, 6)
    assert found(graph("prod"), "PodDisruptionBudget", "gateway").spec["minAvailable"] == 2
    assert graph("dev").find("HorizontalPodAutoscaler", "gateway", "ai") is None


def test_without_a_gateway_engines_are_reached_directly() -> None:
    fields = load("dev", root=ROOT).model_dump() | OFF | {"gateway": None, "emulator": None, "thresholds": []}
    fields["traffic"]["mix"] = []
    without = from_program(Environment.model_validate(fields))
    assert [r.label for r in without.objects() if "gateway" in r.object_name and r.namespace == "ai"] == []
    (peer,) = found(without, "NetworkPolicy", "ai-stack").spec["ingress"][0]["from"]
    assert "podSelector" not in peer
