"""The what-if from end to end, with a queue of fixed service times (M/D/c) in the twin's place."""

from __future__ import annotations

import json
import math
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from foundation.measures.outcome import Outcome, RequestRecord, Status
from sandtable.document.answers.whatif import Scenario
from simulations.deployed import DeployedEngines
from simulations.whatif import parse_scenario, run
from stacks.environment import Budget, Environment, Lengths, Traffic
from stacks.errors import ConfigurationError
from stacks.pricing.prices import PriceBook
from stacks.traffic import plan

SERVICE_S = 1.0


class Outage(NamedTuple):
    replica: str
    start_s: float
    end_s: float
    notice_s: float = 0.0


class Speed(NamedTuple):
    """What stands in for a calibration."""

    service_s: float = SERVICE_S
    name: str = "round numbers"
    doubtful: str | None = None

    def origin(self) -> str:
        return f"every slot takes {self.service_s:g} s a request"

    def doubt(self) -> str | None:
        return self.doubtful


@dataclass(frozen=True)
class MDc:
    """Every slot serves one request in one second; the slot that is free first takes the next request."""

    replicas: tuple[str, ...]
    slots: int
    service_s: float
    outages: tuple[Outage, ...] = ()

    @classmethod
    def from_graph(cls, graph: Any, speed: Speed, _gateway: object = None) -> MDc:
        engines = DeployedEngines.from_graph(graph)
        return cls(engines.replicas, engines.spec.slots, speed.service_s)

    @property
    def places(self) -> int:
        return len(self.replicas) * self.slots

    @property
    def clients_see(self) -> tuple[str, ...]:
        return self.replicas

    def run(self, requests: Any, *, seed: int, horizon_s: float | None = None, **_watched: object) -> Any:
        free = {(name, slot): 0.0 for name in self.replicas for slot in range(self.slots)}
        records = [self._serve(request, free) for request in requests]
        outcome = Outcome.from_records(records, replicas=self.replicas, seed=seed, horizon_s=horizon_s)
        return types.SimpleNamespace(records=records, outcome=outcome, replicas=self.replicas, reused_share=None)

    def _serve(self, request: Any, free: dict[tuple[str, int], float]) -> RequestRecord:
        choices = [(self._ready(slot[0], max(at, request.at_s)), slot) for slot, at in free.items()]
        start, slot = min(choices)
        if math.isinf(start):
            return RequestRecord(request.at_s, request.at_s, None, request.at_s, 1, 0, "", Status.FAILED, "no replica")
        free[slot] = start + self.service_s
        return RequestRecord(request.at_s, start, start + 0.1, start + self.service_s, 1, 10, slot[0])

    def _ready(self, replica: str, at_s: float) -> float:
        for outage in self.outages:
            if outage.replica == replica and outage.start_s <= at_s < outage.end_s:
                return outage.end_s
        return at_s


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("simulations.twin")
    module.Twin, module.Outage = MDc, Outage  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "simulations.twin", module)
    monkeypatch.setattr("simulations.whatif.load.REQUESTS", 300)  # short runs of 60 s: what is tested is not the precision


def environment(rate: float) -> Environment:
    lengths = Lengths(distribution="constant", mean=10)
    traffic = Traffic(rate_per_s=rate, prompt_tokens=lengths, output_tokens=lengths)
    return Environment(name="test", traffic=traffic, budget=Budget(monthly_usd=1000))


def stack(build: Any, **changes: Any) -> Any:
    fleet = [build.node(f"gpu-{i}", "gpu", zone) for i, zone in enumerate("abc")]
    spot = [build.node(f"spot-{i}", "spot", zone, purchase="spot") for i, zone in enumerate("ab")]
    return build.graph(*fleet, *spot, build.deployment("ai", 3, changes.pop("pool", "gpu"), engine=True, **{"slots": 2} | changes))


DEAR = "usd_per_million_output_tokens"


def ask(graph: Any, *texts: str, rate: float = 5.0, **how: Any) -> list[Any]:
    """6 slots of one second: at 5 requests a second they are busy 83 % of the time."""
    asked = how.pop("environment", None) or environment(rate)
    how = {"calibration_for": lambda _model: Speed(), "price_book": PriceBook.bundled(), "replications": 5} | how
    return run(graph, asked, [parse_scenario(text) for text in texts], **how)


def test_the_baseline_comes_first_and_is_compared_with_nothing(build: Any) -> None:
    baseline, _ = ask(stack(build), "traffic=1.1x")
    assert baseline.name == "baseline"
    assert all(metric.difference is None for metric in baseline.metrics.values())


def test_more_replicas_are_never_worse_and_fewer_are_worse(build: Any) -> None:
    _, more, fewer = ask(stack(build), "replicas=6", "replicas=-1")
    assert more.metrics["p95_ttft_ms"].verdict == "better"
    assert more.metrics["p95_e2e_ms"].difference.high < 0
    assert fewer.metrics["p95_ttft_ms"].verdict == "worse"
    assert fewer.metrics["utilisation"].difference.low > 0
    assert fewer.metrics["utilisation"].verdict is None  # busier is neither better nor worse


def test_a_change_that_changes_nothing_is_not_distinguishable(build: Any) -> None:
    _, same = ask(stack(build), "spot=0.7")  # no engine runs on the spot pool
    untouched = {name: metric.verdict for name, metric in same.metrics.items() if name not in {"utilisation", DEAR}}
    assert set(untouched.values()) == {"not distinguishable"}
    assert same.metrics[DEAR].verdict == "better"  # the pool is paid for while it is there
    assert same.metrics["p95_ttft_ms"].difference.mean == 0


def test_spot_nodes_are_paid_for_while_they_are_there(build: Any) -> None:
    baseline, spot = ask(stack(build), "spot=0.7")
    by_pool = {p.name: p.monthly_usd for p in baseline.cost.pools}
    assert baseline.cost.monthly_usd - spot.cost.monthly_usd == pytest.approx(0.3 * by_pool["spot"])


def test_engines_on_spot_run_their_share_of_the_time(build: Any) -> None:
    _, spot = ask(stack(build, pool="spot", pod_spec={"tolerations": [{"operator": "Exists"}]}), "spot=0.5", replications=16)
    assert (spot.stopped, spot.replications) == ("cap", 16)
    # Each of two markets is there half of the time; with one left all three replicas find room, so 3 of 4 times all of them run.
    assert spot.replicas_running == pytest.approx(3 * 0.75, abs=0.4)
    assert spot.availability < 1
    assert spot.unschedulable["ai/ai-0"].startswith("in ")
    assert spot.unschedulable["ai/ai-0"].endswith("of 16 draws of the spot market: every node that would take it is away")


def test_spot_is_never_certain_by_luck(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One market with 70 %: whether a run has an engine is a coin, and five tosses may agree."""
    fleet = [build.node(f"spot-{i}", "spot", "a", purchase="spot") for i in range(3)]
    graph = build.graph(*fleet, build.deployment("ai", 3, "spot", engine=True, slots=2))
    monkeypatch.setattr("simulations.whatif.load.REQUESTS", 90)
    for seed in range(5):
        baseline, spot = ask(graph, "spot=0.7", seed=seed, replications=20, rate=1.5)
        good = spot.metrics["good_share"]
        assert (baseline.replications, spot.stopped) == (20, "cap")
        assert good.value.mean == pytest.approx(0.7, abs=0.03)
        assert 0.4 < good.value.low < 0.6
        assert 0.8 < good.value.high < 1
        assert good.verdict == "worse"
        # Without an engine no request is good and there is no latency, which is said.
        assert spot.metrics["p95_ttft_ms"].value.n == 14
        assert "in 6 of 20 replications no request was good; latencies are those of the others" in spot.notes


def test_markets_that_happened_to_hold_leave_room_for_doubt(build: Any) -> None:
    fleet = [build.node(f"spot-{i}", "spot", zone, purchase="spot") for i, zone in enumerate("abc")]
    graph = build.graph(*fleet, build.deployment("ai", 3, "spot", engine=True, slots=2))
    _, spot = ask(graph, "spot=0.99", rate=1.5)
    good = spot.metrics["good_share"].value
    assert good.high == 1.0
    assert good.low < 0.6  # five draws that agree: 0.05^(1/5)


def test_a_lost_zone_takes_one_of_three_replicas_for_its_recovery(build: Any) -> None:
    # 60 s of traffic, the loss at 12 s; the replica would be back after 410 s.
    _, lost = ask(stack(build), "zone-lost=b")
    assert lost.replicas_running == pytest.approx(3 - 48 / 60)
    assert lost.metrics["p95_ttft_ms"].verdict == "worse"
    assert "ai/ai-1 is down from 12 s and back after 410 s" in lost.notes


def test_two_zones_can_be_lost_together(build: Any) -> None:
    _, lost = ask(stack(build), "zone-lost=b+zone-lost=c")
    assert lost.replicas_running == pytest.approx(3 - 2 * 48 / 60)


def test_a_place_that_is_not_there_is_an_error_on_any_graph(build: Any) -> None:
    bare = build.graph(build.deployment("ai", 3, "gpu", engine=True, slots=2))
    for graph, there in ((stack(build), "the graph's nodes are in a, b, c"), (bare, "the graph has no nodes")):
        with pytest.raises(ConfigurationError, match=f"no node is in zone 'nowhere'; {there}"):
            ask(graph, "zone-lost=nowhere")


def test_losses_are_told_replica_by_replica_only_where_they_are_few(build: Any) -> None:
    _, lost = ask(stack(build), "replicas=18+zone-lost=b")
    told = [note for note in lost.notes if " is down from " in note]
    assert len(told) == 3
    assert "likewise 3 more replicas" in lost.notes


def test_a_run_that_is_too_long_names_the_scenario_and_the_largest_factor(build: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"scenario traffic=9999x: .* the limit is 2,000,000; ask for traffic=6666x at the most"):
        ask(stack(build), "traffic=9999x")


def test_without_a_request_nothing_is_known_and_nothing_breaks(build: Any) -> None:
    results = ask(stack(build), "spot=0.5", "price=2x", rate=0.00001)
    document = json.loads(json.dumps([Scenario.of(result).model_dump(mode="json") for result in results], allow_nan=False))
    assert {(d["availability"], d["usd_per_million_output_tokens"], d["metrics"]["good_share"]["mean"]) for d in document} == {
        (None, None, None)
    }
    assert results[0].notes[-1] == "no request arrived in 5 x 1800 s; raise `traffic: rate_per_s`"


def test_a_trace_has_as_many_replications_as_windows(build: Any, tmp_path: Path) -> None:
    def results(seconds: int, *texts: str) -> list[Any]:
        rows = [f'{{"timestamp": {500 * at}, "input_length": 9999, "output_length": 5}}' for at in range(2 * seconds)]
        (tmp_path / "trace.jsonl").write_text("\n".join(rows), encoding="utf-8")
        traced = environment(1.0).traffic.model_copy(update={"arrivals": "trace", "trace": "trace.jsonl"})
        traced = environment(1.0).model_copy(update={"traffic": traced})
        return ask(stack(build), *texts, environment=traced, root=tmp_path)

    baseline, double = results(240, "traffic=2x")
    assert (baseline.replications, baseline.outcome.requests, double.outcome.requests) == (2, 240, 480)
    (single,) = results(100)
    assert (single.replications, single.stopped) == (1, "cap")
    assert Scenario.of(single).metrics["p95_ttft_ms"].ci95 == (None, None)
    assert any(note.startswith("the trace is long enough for one run only") for note in single.notes)
    assert any("were clipped" in note for note in single.notes)


def test_overload_is_called_overload(build: Any) -> None:
    baseline, double = ask(stack(build), "traffic=2x")
    assert any(note.startswith("overloaded: ") for note in double.notes)
    assert not any(note.startswith("overloaded: ") for note in baseline.notes)
    assert double.metrics["output_tokens_per_s"].value.mean == pytest.approx(6 * 10 / SERVICE_S, rel=0.05)  # what 6 slots can do


def test_latencies_are_no_better_where_most_requests_fail(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(self: MDc, request: Any, free: dict[tuple[str, int], float], whole: Any = MDc._serve) -> RequestRecord:
        if len(self.replicas) == 3 or request.index % 25 == 0:
            return whole(self, request, free)  # type: ignore[no-any-return]
        return RequestRecord(request.at_s, request.at_s, None, request.at_s, 1, 0, "", Status.FAILED, "refused")

    monkeypatch.setattr(MDc, "_serve", serve)
    _, fewer = ask(stack(build), "replicas=2")
    found = {name: comparison.verdict for name, comparison in fewer.metrics.items()}
    assert fewer.metrics["p95_ttft_ms"].difference.high < 0
    assert (found["good_share"], found["p95_ttft_ms"], found["p95_e2e_ms"]) == ("worse", "undefined", "undefined")
    assert fewer.notes[-1].startswith("fewer requests are good than in the baseline, and latencies count good ones only")


def test_nothing_falls_by_more_than_there_was(build: Any) -> None:
    _, idle = ask(stack(build), "replicas=20", rate=4.9)
    for comparison in idle.metrics.values():
        assert comparison.value.low >= 0
        assert comparison.difference.low >= comparison.difference.mean - comparison.value.mean - 1e-9


def test_nodes_that_the_autoscaler_adds_are_in_the_cost(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a", gpu=3), build.deployment("ai", 3, "gpu", engine=True, slots=2))
    baseline, grown = ask(graph, "replicas=5")
    assert [p.nodes for p in grown.cost.pools] == [2]
    assert grown.cost.monthly_usd == pytest.approx(2 * baseline.cost.monthly_usd)
    assert any("pool gpu grows by 1 node" in note for note in grown.notes)


def test_replicas_beyond_the_pools_bounds_do_not_run_and_are_named(build: Any) -> None:
    graph = build.graph(build.node("gpu-0", "gpu", "a", gpu=3, high=1), build.deployment("ai", 3, "gpu", engine=True, slots=2))
    _, asked = ask(graph, "replicas=5")
    assert (asked.replicas, asked.replicas_running) == (5, 3)
    assert set(asked.unschedulable) == {"ai/ai-3", "ai/ai-4"}


def test_gpu_seconds_follow_from_the_queue(build: Any) -> None:
    (baseline,) = ask(stack(build))
    ledger = baseline.gpu_seconds
    assert ledger.total_s == pytest.approx(40 * baseline.replications * 60, rel=0.05)  # five nodes of eight
    assert (ledger.serving_s + ledger.waiting_s) / ledger.total_s == pytest.approx(3 / 40)


def test_a_graph_without_nodes_is_asked_all_the_same(build: Any) -> None:
    baseline, more = ask(build.graph(build.deployment("ai", 3, "gpu", engine=True, slots=2)), "replicas=+1")
    assert (baseline.replicas_running, more.replicas_running) == (3, 4)
    assert baseline.gpu_utilisation is None
    assert baseline.cost.headline == "not priced"
    assert "the graph has no nodes: every replica is assumed to run" in baseline.notes


def test_equal_seeds_give_equal_documents_and_others_differ(build: Any) -> None:
    def document(seed: int) -> str:
        return "".join(Scenario.of(result).model_dump_json() for result in ask(stack(build), "traffic=1.1x", "spot=0.6", seed=seed))

    assert document(1) == document(1) != document(2)


def test_it_stops_when_the_headlines_are_known_to_five_percent(build: Any) -> None:
    seen: list[tuple[int, int, float]] = []
    results = ask(stack(build), rate=1.5, replications=50, on_progress=lambda *at: seen.append(at))
    # At a quarter of the load nobody waits; a few replications are enough for the number of requests to even out.
    assert results[0].stopped == "precise"
    assert [number for number, _, _ in seen] == list(range(1, results[0].replications + 1))
    assert 5 <= results[0].replications < 20
    assert math.isinf(seen[0][2])
    assert seen[-1][2] <= 0.05 < seen[-2][2]


def test_the_same_question_twice_is_asked_once(build: Any) -> None:
    assert [r.name for r in ask(stack(build), "traffic=1.1x", "traffic=1.1x")] == ["baseline", "traffic=1.1x"]


def test_another_gpu_model_asks_for_its_own_calibration(build: Any) -> None:
    asked: list[str | None] = []

    def calibration_for(model: str | None) -> Speed:
        asked.append(model)
        return Speed() if model == "H100" else Speed(2 * SERVICE_S, "slow", "it was measured on a busy machine")

    baseline, slower = ask(stack(build), "gpu=A100", calibration_for=calibration_for)
    assert asked == ["H100", "A100"]
    assert (baseline.calibration, slower.calibration) == ("round numbers", "slow")
    assert "every slot takes 1 s a request" in baseline.notes
    assert "every slot takes 2 s a request" in slower.notes
    assert "do not rely on these speeds: it was measured on a busy machine" in slower.notes
    assert slower.metrics["p95_e2e_ms"].verdict == "worse"


def test_the_stand_in_agrees_with_theory() -> None:
    """M/D/1 at a load of one half waits half a service time on average (Pollaczek-Khinchine)."""
    records = MDc(("a",), 1, 1.0).run(plan(environment(0.5).traffic, seed=3, duration_s=20_000), seed=1).records
    assert sum(r.sent_s - r.intended_s for r in records) / len(records) == pytest.approx(0.5, rel=0.1)


def test_a_change_is_the_second_result_and_the_scenarios_apply_to_it(build: Any) -> None:
    before, after, more = ask(stack(build), "replicas=+1", change=("prod", stack(build, slots=4)))
    assert [result.name for result in (before, after, more)] == ["baseline", "prod", "replicas=+1"]
    assert after.metrics["p95_ttft_ms"].verdict == "better"
    assert more.replicas == before.replicas + 1
    assert more.metrics["utilisation"].value.mean < after.metrics["utilisation"].value.mean


def test_an_exact_number_of_replications_is_run_however_precise_the_first_are(build: Any) -> None:
    assert ask(stack(build), replications=9, exactly=True)[0].replications == 9
    assert ask(stack(build), replications=2, exactly=True)[0].replications == 2
