"""The gateway of a rehearsal: what is started, what is compared, when a fault lasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foundation.formats.changes import Change
from foundation.measures import RequestRecord, Status
from foundation.measures.served import Served
from loadtests import open_loop
from loadtests.measurement import GeneratorStats, Measurement
from sandtable.jobs.engines.trial import Setting
from sandtable.jobs.gateway import faults, overhead
from sandtable.jobs.gateway.outcome import faults_outcome, load_outcome
from sandtable.jobs.gateway.overhead import Overhead
from sandtable.jobs.gateway.running import RunningGateway, local_configuration
from sandtable.jobs.gateway.seen import with_costs
from sandtable.terminal import Steps
from sandtable.workspace import Workspace
from simulations.gateway import DeployedGateway, GatewayModel
from simulations.kernel import Streams
from stacks.environment.file import load
from stacks.graph.sources import from_program
from stacks.traffic import PlannedRequest
from workloads.gateway.configuration.loading import digest_of, parse

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def deployed() -> DeployedGateway:
    found = DeployedGateway.from_graph(from_program(load("dev", root=ROOT)))
    assert found is not None
    return found


def test_the_deployed_configuration_gets_this_machine_s_addresses_and_one_key(deployed: DeployedGateway, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    document = local_configuration(deployed, "http://127.0.0.1:1", "http://127.0.0.1:2", {"rehearsal": "k"}, ledger)
    local = parse(document, "test")
    assert local.providers["engine"].base_url == "http://127.0.0.1:1"
    assert local.providers["anthropic"].base_url == "http://127.0.0.1:2/anthropic"
    assert [key.sha256 for key in local.tenants["rehearsal"].keys] == [digest_of("k")]
    assert local.routes == deployed.configuration.routes
    assert (local.ledger, local.telemetry.otlp_endpoint) == (str(ledger), None)
    assert all(provider.api_key_file is None for provider in local.providers.values())


def test_a_shared_cache_stays_in_the_cluster(deployed: DeployedGateway, tmp_path: Path) -> None:
    shared = {**deployed.document, "cache": {"max_bytes": 9, "redis": "redis://cache.data.svc:6379"}}
    there = replace(deployed, document=shared, configuration=parse(shared, "test"))
    local = local_configuration(there, "http://127.0.0.1:1", "http://127.0.0.1:2", {"rehearsal": "k"}, tmp_path / "ledger")
    assert local["cache"] == {"max_bytes": 9}
    model = GatewayModel.of(there, overhead_s=0.001, provenance="measured", texts_seed=1, unix_s=0.0)
    assert model.runtime(Streams(1)).configuration.cache.redis is None


def test_the_gateway_s_own_time_is_that_of_a_load_and_nobody_s_limits_are_used_up(
    deployed: DeployedGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = load("dev", root=ROOT)
    keys = {"rehearsal": "k", overhead.CALIBRATION: "c"}
    gateway = RunningGateway(deployed, "http://127.0.0.1:1", keys, tmp_path / "ledger", None)
    sent: dict[str, Any] = {}

    def run(plan: list[PlannedRequest], _: list[str], **options: Any) -> Any:
        sent.update(options, requests=plan)
        records = [record(n, "local") for n in range(100)]
        return SimpleNamespace(records=[replace(one, served=replace(one.served, overhead_ms=n / 10)) for n, one in enumerate(records)])

    monkeypatch.setattr(overhead, "_first_token_s", lambda _requests, _question, target: 0.1012 if target.port == 1 else 0.1)
    monkeypatch.setattr(open_loop, "run", run)
    setting = Setting(environment, [], Workspace(tmp_path), tmp_path, Steps(quiet=True))
    found = overhead.measure_overhead(gateway, "http://127.0.0.1:2", setting)
    assert (found.added_s, found.n) == (pytest.approx(0.0012), 40)
    assert (found.own_p95_ms, found.own_n) == (pytest.approx(9.405), 100)
    assert sent["api_key"] == "c"
    assert 60 < len(sent["requests"]) < 90  # 73 bound a p95 from above


def test_every_tenant_has_a_key_of_this_rehearsal_and_providers_outside_an_emulator(deployed: DeployedGateway, tmp_path: Path) -> None:
    providers = {
        **deployed.document["providers"],
        "mistral": {"dialect": "openai", "base_url": "https://api.mistral.ai", "label": "mistral"},
    }
    batch = {"keys": [{"id": "b", "sha256": "0" * 64}], "limits": {"requests_per_min": 6}}
    document = {**deployed.document, "providers": providers, "tenants": {**deployed.document["tenants"], "batch": batch}}
    there = replace(deployed, document=document, configuration=parse(document, "test"))
    keys = {"rehearsal": "k", "batch": "b"}
    local = parse(local_configuration(there, "http://127.0.0.1:1", "http://127.0.0.1:2", keys, tmp_path / "ledger"), "test")
    assert {name: [key.sha256 for key in tenant.keys] for name, tenant in local.tenants.items()} == {
        name: [digest_of(key)] for name, key in keys.items()
    }
    assert local.tenants["batch"].limits.requests_per_min == 6
    assert (there.outside, local.providers["mistral"].base_url) == (["mistral"], "http://127.0.0.1:2/mistral")
    assert local.providers["mistral"].headers["authorization"]


def test_who_is_first_and_who_is_emulated(deployed: DeployedGateway) -> None:
    assert deployed.first_choices["small"] == {"synthetic"}
    assert (deployed.outside, deployed.is_emulated("anthropic"), deployed.is_engine("engine")) == ([], True, True)


def record(at_s: float, provider: str, attempts: int = 1, status: Status = Status.OK, usd: float | None = None) -> RequestRecord:
    nano = None if usd is None else round(usd * 1e9)
    return RequestRecord(
        at_s, at_s, at_s + 0.1, at_s + 1, 9, 5, "g", status, served=Served("small", provider, provider, attempts, nano, 0.8)
    )


FIRST = {"small": frozenset({"local"})}


def test_the_load_and_the_faults_have_figures_of_both_sides() -> None:
    predicted = [record(n, "local", usd=0.001) for n in range(10)]
    measured = [*(record(n, "local", usd=0.001) for n in range(8)), record(8, "gemini", 4, usd=0.003), record(9, "", 3, Status.FAILED)]
    whole = {one.name: one for one in load_outcome(predicted, measured, FIRST, Overhead(0.001, "measured", 40, 0.9, 80)).figures}
    assert (whole["p95_gateway_overhead_ms"].predicted, whole["p95_gateway_overhead_ms"].measured) == (0.9, 0.8)
    assert (whole["answered_by_local"].predicted, whole["answered_by_local"].measured) == (10, 8)
    during = {one.name: one for one in faults_outcome(predicted, measured, FIRST, [(8.0, 10.0)], ["x"]).figures}
    failed = during["failed_share_during_faults"]
    assert (failed.predicted, failed.measured, failed.n) == (0.0, 0.5, 2)
    assert failed.high is not None
    assert failed.high > 0.5
    assert during["attempts_per_request_during_faults"].measured == 3.5


def test_a_killed_engine_is_away_until_it_has_started_again() -> None:
    killed, dead, refused = Change("engine", "kill", 30.0, 5.0), Change("engine", "kill", 30.0), Change("anthropic", "503", 20.0, 15.0)
    ours, of_a_pod = faults.Comeback(2.0, by_itself=False), faults.Comeback(2.0, by_itself=True)
    assert faults._window(killed, ours) == (30.0, 37.0)
    assert faults._window(dead, ours) == (30.0, float("inf"))
    assert faults._window(refused, ours) == faults._window(refused, of_a_pod) == (20.0, 35.0)
    assert faults._window(killed, of_a_pod) == faults._window(dead, of_a_pod) == (30.0, 32.0)
    assert faults._lasts_s([killed, refused], 40.0) == 55.0
    assert faults._lasts_s([killed], 60.0) == 60.0


def test_a_fault_begins_and_ends_by_its_own_calls() -> None:
    called: list[str] = []
    engine: Any = SimpleNamespace(kill=lambda: called.append("kill"), start=lambda: called.append("start"), comes_back=False)
    gateway: Any = SimpleNamespace(emulator_url="http://127.0.0.1:9", emulated_name=lambda name: name)
    actions = faults._injected(Change("engine", "kill", 3.0, 2.0), gateway, engine)
    assert [at_s for at_s, _ in actions] == [3.0, 5.0]
    for _, call in actions:
        call()
    assert called == ["kill", "start"]
    engine.comes_back = True
    assert [at_s for at_s, _ in faults._injected(Change("engine", "kill", 3.0, 2.0), gateway, engine)] == [3.0]
    assert [at_s for at_s, _ in faults._injected(Change("anthropic", "503", 3.0), gateway, engine)] == [3.0]


def test_the_ledger_says_what_a_request_cost(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text('{"id": "a", "nano_usd": 70}\n{"id": "b", "nano')
    told = [
        RequestRecord(0, 0, 1, 2, 9, 5, "g", served=Served("small", who, "x", 1, id=name)) for name, who in (("a", "local"), ("c", "x"))
    ]
    quiet = GeneratorStats("open-loop", 2, 10.0, 1.0, 0.1, 100, 100, 900, 10.0, 10.0, 0.5, 2.0, 3.0)
    priced = with_costs(Measurement.of(told, replicas=["g"], generator=quiet), ledger, "engine")
    assert [one.served.nano_usd for one in priced.records if one.served] == [70, 0]
    assert [one.replica for one in priced.records] == ["engine", "g"]
    assert priced.outcome.utilisation == 1.0
