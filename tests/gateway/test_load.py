"""The load generators on every wire and with every kind of question, against the emulator."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from foundation.chat import WireRequests
from foundation.measures.outcome import Status
from foundation.wire import Target
from loadtests import open_loop
from loadtests.users.exchange import exchange
from simulations.calibration import published
from simulations.gateway import DeployedGateway, GatewayModel
from simulations.twin import Twin
from stacks.environment import Traffic
from stacks.traffic import plan
from stacks.traffic.request import PlannedRequest
from tests.gateway.conftest import KEY, MODELS, GatewayProcess, everything
from workloads.emulator.spec import EmulatorSpec
from workloads.engine.spec import EngineSpec
from workloads.gateway.configuration.loading import digest_of, parse
from workloads.gateway.spec import GatewaySpec

Start = Callable[[dict[str, Any]], GatewayProcess]
WIRES = ("openai", "anthropic", "gemini", "ollama")
KINDS = ("plain", "tools", "image", "conversation", "long")


def test_every_wire_and_kind_of_question_is_answered_and_timed(emulator: str) -> None:
    ways = list(itertools.product(WIRES, KINDS))
    planned = [PlannedRequest(n, n * 0.02, 40, 8, wire, "any", kind) for n, (wire, kind) in enumerate(ways)]
    seen = open_loop.run(planned, [emulator], api_key="k", seed=1)
    assert [record.error for record in seen.records if record.status is not Status.OK] == []
    assert len(seen.records) == len(ways)
    assert all(record.first_token_s is not None and record.output_tokens > 0 for record in seen.records)


@pytest.mark.parametrize("wire", WIRES)
def test_a_locust_user_reads_the_same(emulator: str, wire: str) -> None:
    requests, target = WireRequests(model="any", api_key="k"), Target.parse(emulator)
    planned = PlannedRequest(0, 0.0, 40, 8, wire, "any")
    _, answer = exchange(target, requests.encode(planned, target), timeout_s=10.0, tls=None, answer=requests.answer(planned))
    assert (answer.status, answer.error, answer.stream.output_tokens) == (Status.OK, None, 8)


def test_every_wire_goes_through_the_gateway_and_each_tenant_s_quota_is_its_own(emulator: str, gateway_of: Start) -> None:
    acme = {"keys": [{"id": "one", "sha256": digest_of(KEY)}]}
    batch = {"keys": [{"id": "one", "sha256": digest_of("theirs")}], "limits": {"requests_per_min": 3}}
    live = gateway_of(everything(emulator, tenants={"acme": acme, "batch": batch}))
    ways = list(itertools.product(WIRES, ("", "batch")))
    planned = [PlannedRequest(n, n * 0.02, 40, 8, wire, MODELS[wire], tenant=tenant) for n, (wire, tenant) in enumerate(ways)]
    seen = open_loop.run(planned, [live.url], api_key=KEY, tenant_keys={"batch": "theirs"}, seed=1)
    own, theirs = ([r for r, (_, tenant) in zip(seen.records, ways, strict=True) if tenant == name] for name in ("", "batch"))
    assert [record.status for record in own] == [Status.OK] * 4, [record.error for record in own]
    assert sorted(record.status for record in theirs) == [Status.LIMITED, *[Status.OK] * 3]
    assert (seen.outcome.requests, seen.outcome.failed, seen.outcome.limited, seen.errors) == (7, 0, 1, [])


def test_the_twin_expects_the_answers_from_the_cache_that_the_gateway_gives(emulator: str, gateway_of: Start) -> None:
    document = everything(emulator, tenants={"rehearsal": {"keys": [{"id": "one", "sha256": digest_of(KEY)}]}})
    traffic = Traffic.model_validate(
        {
            "rate_per_s": 40.0,
            "duration_s": 2.0,
            "output_tokens": {"mean": 8, "high": 16},
            "mix": [
                {"wire": wire, "route": MODELS["anthropic"], "share": share, "repeats": 0.6}
                for wire, share in (("openai", 0.4), ("gemini", 0.3), ("ollama", 0.3))
            ],
        }
    )
    requests = plan(traffic)
    live = gateway_of(document)
    seen = open_loop.run(requests, [live.url], api_key=KEY, seed=1)
    assert seen.outcome.failed == 0, seen.errors
    deployed = DeployedGateway(1, GatewaySpec("/gateway.yaml"), document, parse(document, "test"), EmulatorSpec("instant"), "test")
    model = GatewayModel.of(deployed, overhead_s=0.001, provenance="assumed", texts_seed=1, unix_s=1.8e9)
    twin = Twin(("engine",), EngineSpec(slots=4, context_tokens=1024), published("L40S"), gateway=model)
    told, predicted = (
        [(one.served.attempts, one.output_tokens) for one in records if one.served]
        for records in (seen.records, twin.run(requests, seed=1).records)
    )
    assert 20 < sum(attempts == 0 for attempts, _ in told) < len(told)
    assert told == predicted
