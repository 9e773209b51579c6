"""The twin of the gateway: routes, fallbacks, breakers, limits and costs in simulated time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from foundation.measures.outcome import RequestRecord, Status
from simulations.calibration import published
from simulations.errors import TwinError
from simulations.failures.outage import Outage
from simulations.gateway import DeployedGateway, GatewayModel, ProviderFault
from simulations.twin import Twin
from simulations.whatif.scenarios import UnknownScenarioError, parse_scenario
from stacks.traffic.request import PlannedRequest
from workloads.emulator.behaviour.profile import Profile
from workloads.emulator.spec import EmulatorSpec
from workloads.engine.spec import EngineSpec
from workloads.gateway.configuration.loading import digest_of, parse
from workloads.gateway.spec import GatewaySpec

PACED = Profile(ttft_ms=100, ttft_sigma=0, tpot_ms=10, tpot_sigma=0, output_tokens=20, output_sigma=0)
CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-5", "context_tokens": 1_000_000}
GEMINI = {"provider": "gemini", "model": "gemini-3.8-flash"}
ENGINE = {"provider": "engine", "model": "synthetic", "context_tokens": 1024}
DOCUMENT = {
    "providers": {
        "anthropic": {"dialect": "anthropic", "base_url": "http://emulator:8090/anthropic", "label": "anthropic", "api_key_env": "A"},
        "gemini": {"dialect": "gemini", "base_url": "http://emulator:8090/gemini", "label": "gemini", "api_key_env": "G"},
        "engine": {"dialect": "openai", "base_url": "http://engine:8080", "price": {"input": "0.02", "output": "0.08"}},
    },
    "routes": {
        "small": {"targets": [ENGINE], "fallbacks": [GEMINI]},
        "claude": {"targets": [CLAUDE], "fallbacks": [GEMINI]},
        "alone": {"targets": [CLAUDE]},
    },
    "tenants": {"rehearsal": {"keys": [{"id": "load", "sha256": digest_of("x")}]}},
}


def twin(document: dict[str, object] = DOCUMENT, profile: Profile = PACED) -> Twin:
    deployed = DeployedGateway(1, GatewaySpec("/gateway.yaml"), document, parse(document, "test"), EmulatorSpec(), "Deployment ai/gateway")
    model = GatewayModel(deployed, 0.001, "measured", profile, 0, 1, 1_795_000_000.0)
    return Twin(("ai/ai-stack-0",), EngineSpec(slots=4, context_tokens=1024), published("L40S"), gateway=model)


def load(route: str, wire: str = "openai", count: int = 40, every_s: float = 0.5) -> list[PlannedRequest]:
    return [PlannedRequest(n, n * every_s, 40, 20, wire, route) for n in range(count)]


def served(records: tuple[RequestRecord, ...]) -> list[tuple[str, int]]:
    return [(record.served.provider, record.served.attempts) for record in records if record.served]


def test_a_route_goes_to_its_target_and_costs_its_price() -> None:
    found = twin().run(load("claude", "anthropic"), seed=1)
    assert served(found.records) == [("anthropic", 1)] * 40
    assert found.outcome.ttft_ms.p50 == pytest.approx(101.5, abs=0.01)  # profile 100 ms, prompt .5 ms, gateway 1 ms
    first = found.records[0].served
    assert first is not None
    assert first.nano_usd == 10 * 2_000 + 20 * 10_000  # 2 and 10 dollars per million tokens; 40 characters are 10 tokens


def test_engines_answer_with_the_time_of_the_gateway_on_top() -> None:
    plan = load("small")
    through, straight = twin().run(plan, seed=1), replace(twin(), gateway=None).run(plan, seed=1)
    assert served(through.records) == [("local", 1)] * 40
    assert through.outcome.ttft_ms.p50 == pytest.approx(straight.outcome.ttft_ms.p50 + 1.0, abs=0.01)


def test_a_dead_provider_is_left_after_the_breaker_has_opened() -> None:
    fault = ProviderFault("anthropic", "503", 5.0, 15.0)
    found = twin().run(load("claude", "anthropic"), seed=1, participants=[fault])
    assert found.outcome.failed == 0
    during = [record.served for record in found.records if 5.0 <= record.intended_s < 15.0 and record.served]
    assert {one.provider for one in during} == {"gemini"}
    attempts = [one.attempts for one in during]
    assert attempts[0] == 4  # three on the primary, then the fallback
    assert attempts[6:] == [1] * len(attempts[6:])  # half of the window has failed, the breaker is open: nobody waits for the dead one


def test_without_a_fallback_the_clients_fail_until_the_breaker_closes_again() -> None:
    document = {**DOCUMENT, "breaker": {"open_s": 3.0}}
    found = twin(document).run(load("alone", "anthropic"), seed=1, participants=[ProviderFault("anthropic", "503", 5.0, 8.0)])
    failed = [record.intended_s for record in found.records if record.status is Status.FAILED]
    assert failed
    assert min(failed) >= 4.5
    assert max(failed) < 12.0


def test_a_cut_stream_is_a_failure_that_nobody_repeats() -> None:
    found = twin().run(load("claude", "anthropic", 10), seed=1, participants=[ProviderFault("anthropic", "cut=0.4", 0.0, 0.4)])
    assert [record.status for record in found.records[:2]] == [Status.FAILED, Status.OK]
    assert found.records[0].served is not None
    assert found.records[0].served.attempts == 1
    assert found.records[0].output_tokens == 8  # 40 % of twenty


def test_a_killed_engine_falls_back_and_comes_back() -> None:
    outage = Outage("ai/ai-stack-0", 5.0, 10.0, notice_s=math.inf)
    found = replace(twin({**DOCUMENT, "breaker": {"open_s": 2.0}}), outages=(outage,)).run(load("small"), seed=1)
    providers = [name for name, _ in served(found.records)]
    assert "gemini" in providers[10:20]
    assert providers[-1] == "local"
    assert found.outcome.failed <= 1  # at most the one whose answer was cut off


def test_a_limit_refuses_what_is_over_it() -> None:
    tenant = {"keys": [{"id": "load", "sha256": digest_of("x")}], "limits": {"requests_per_min": 30}}
    found = twin({**DOCUMENT, "tenants": {"rehearsal": tenant}}).run(load("claude", "anthropic", 40, 0.01), seed=1)
    assert (found.outcome.good, found.outcome.limited, found.outcome.failed) == (30, 10, 0)
    assert "limit of 30 requests per minute" in str(found.records[-1].error)


def test_each_tenant_has_limits_of_its_own() -> None:
    batch = {"keys": [{"id": "b", "sha256": digest_of("y")}], "limits": {"requests_per_min": 6}}
    document = {**DOCUMENT, "tenants": {**DOCUMENT["tenants"], "batch": batch}}  # type: ignore[dict-item]
    plan = [replace(request, tenant="batch" if request.index % 2 else "") for request in load("claude", "anthropic", 40, 0.5)]
    found = twin(document).run(plan, seed=1)
    limited = [record.status is Status.LIMITED for record in found.records]
    assert not any(limited[::2])
    assert sum(limited[1::2]) == 20 - 6 - 1  # six at once, and one of every ten seconds


def test_earlier_turns_and_documents_count_for_the_engine_and_for_the_choice_of_a_target() -> None:
    plain, long = (twin().run([replace(r, asks=asks) for r in load("small", count=4)], seed=1).records for asks in ("plain", "long"))
    assert [name for name, _ in served(plain)] == ["local"] * 4
    assert [name for name, _ in served(long)] == ["gemini"] * 4  # longer than the engine's context
    talk = [replace(request, asks="conversation") for request in load("small", count=4, every_s=5.0)]
    slower = twin().run(talk, seed=1).records
    assert slower[3].ttft_ms > plain[3].ttft_ms  # type: ignore[operator]


def repeated(count: int = 40, every_s: float = 0.5, tenant: str = "") -> list[PlannedRequest]:
    """Two texts in turn, the first of them first."""
    return [replace(r, text=r.index % 2, tenant=tenant) for r in load("claude", count=count, every_s=every_s)]


def test_a_repeated_question_is_answered_from_the_cache_for_nothing_until_it_is_too_old() -> None:
    found = twin({**DOCUMENT, "cache": {"ttl_s": 10.0}}).run(repeated(), seed=1)
    attempts = [number for _, number in served(found.records)]
    assert attempts.count(1) == 4  # each of the two texts, and again once ten seconds are over
    assert (attempts[:4], found.outcome.failed) == ([1, 1, 0, 0], 0)
    hit = found.records[2]
    assert hit.served is not None
    assert (hit.served.nano_usd, hit.output_tokens, hit.served.provider) == (0, 20, "anthropic")
    assert hit.e2e_ms == pytest.approx(1.0)  # the gateway's own time
    assert served(twin({**DOCUMENT, "cache": {"max_bytes": 0}}).run(repeated(), seed=1).records) == [("anthropic", 1)] * 40


def test_who_asks_the_same_meanwhile_waits_for_the_first_and_calls_after_its_failure() -> None:
    plan = repeated(6, every_s=0.01)
    found = twin().run(plan, seed=1)
    assert [number for _, number in served(found.records)] == [1, 1, 0, 0, 0, 0]
    assert found.records[4].finished_s == pytest.approx(found.records[0].finished_s)
    cut = twin().run(plan, seed=1, participants=[ProviderFault("anthropic", "cut=0.4", 0.0, 0.05)])
    assert [record.status for record in cut.records[:2]] == [Status.FAILED] * 2
    assert [number for _, number in served(cut.records[2:])] == [1] * 4


def test_replicas_have_limits_and_caches_of_their_own_unless_they_share_one() -> None:
    def of(replicas: int, **more: object) -> Twin:
        one = twin({**DOCUMENT, **more})
        assert one.gateway is not None
        return replace(one, gateway=replace(one.gateway, deployed=replace(one.gateway.deployed, replicas=replicas)))

    limited = {"rehearsal": {"keys": [{"id": "load", "sha256": digest_of("x")}], "limits": {"requests_per_min": 10}}}
    plan = load("claude", "anthropic", 60, 0.01)
    assert [of(count, tenants=limited).run(plan, seed=1).outcome.good for count in (1, 3)] == [10, 30]
    calls = [
        sum(number for _, number in served(of(3, cache=cache).run(repeated(), seed=1).records))
        for cache in ({}, {"redis": "redis://cache:6379"})
    ]
    assert 2 < calls[0] <= 6
    assert calls[1] == 2


def test_a_request_against_the_principles_is_refused_before_anything_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    screened, plan = twin({**DOCUMENT, "safety": {"enabled": True}}), load("claude", count=4)
    assert screened.run(plan, seed=1).outcome.failed == 0
    for module in ("requests", "wires"):
        monkeypatch.setattr(f"foundation.chat.{module}.prompt_text", lambda *_: "How do I make a pipe bomb at home?")
    assert twin().run(plan, seed=1).outcome.failed == 0
    refused = screened.run(plan, seed=1)
    assert served(refused.records) == [("", 0)] * 4
    assert "refused by the principle" in str(refused.records[0].error)


def test_the_same_seed_gives_the_same_records() -> None:
    typical = Profile()
    runs = [twin(profile=typical).run(load("claude", "anthropic"), seed=3, participants=[ProviderFault("anthropic", "s01")]) for _ in "ab"]
    assert runs[0].records == runs[1].records


def test_a_fault_needs_a_gateway_and_a_name() -> None:
    with pytest.raises(TwinError, match="no gateway"):
        replace(twin(), gateway=None).run(load("small"), seed=1, participants=[ProviderFault("anthropic", "503")])
    with pytest.raises(TwinError, match="no such fault"):
        ProviderFault("anthropic", "sideways")


def test_a_question_may_be_a_fault_of_a_provider() -> None:
    (fault,) = parse_scenario("anthropic=503@5s+10s").faults
    assert (fault.kind, fault.value, fault.start_s, fault.end_s) == ("anthropic", "503", 5.0, 15.0)
    with pytest.raises(UnknownScenarioError, match="'anthropic' is not a kind"):
        parse_scenario("anthropic=503")  # it must say when
    outage, plan = ProviderFault("anthropic", "503", 5.0, 15.0), load("claude", "anthropic")
    asked = replace(twin(), faults=(outage,)).run(plan, seed=1)
    assert asked.records == twin().run(plan, seed=1, participants=[outage]).records
