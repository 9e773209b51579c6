"""Autoscalers while traffic runs: replicas, nodes, scale to zero, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.measures.outcome import Status
from simulations.backlog import Backlog
from simulations.cluster import place
from simulations.failures import Delays, NodeOutage
from simulations.scaling import HorizontalSpec, Rules
from simulations.scaling.declared import Scaler, Target
from simulations.scaling.rules import Policy
from simulations.scaling.running import Setting
from simulations.twin import Prediction, Twin
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

CONTROLLER = "Deployment ai/ai"
#: A scale-down after half a minute, so that runs are short.
DOWN = Rules((Policy("Percent", 100, 15),), stabilisation_s=30)
DELAYS = Delays(provision_s=40, start_s=20)


def scaler(reading: Any = "in_flight", value: float = 2.0, least: int = 1, most: int = 4, **more: Any) -> Scaler:
    bounds = HorizontalSpec(least, most, down=DOWN)
    return Scaler("autoscaler", CONTROLLER, bounds, (Target(reading, value),), **more)


def setting(build: Any, scales: Scaler, *, until_s: float = 600, replicas: int = 1, size: int = 1, most: int = 4, **more: Any) -> Setting:
    """Nodes with room for ``size`` engines each, one at the start, up to ``most``."""
    graph = build.graph(
        build.node("gpu-0", "gpu", "a", gpu=size, low=1, high=most), build.deployment("ai", replicas, "gpu", engine=True, slots=2)
    )
    found, there = workloads(graph), nodes(graph)
    return Setting((scales,), found, there, place(found, there), cores=4.0, slots=2, until_s=until_s, delays=DELAYS, **more)


def twin(calibration: Any, how: Setting, **more: Any) -> Twin:
    """One prompt token takes 1 ms; a request of 100 output tokens some 0.1 to 0.2 s."""
    spec = EngineSpec(slots=2, context_tokens=1024)
    return Twin(tuple(pod for pod in how.start.node_of), spec, calibration(spec=spec), scaling=how, **more)


def every(gap_s: float, start_s: float, end_s: float) -> list[PlannedRequest]:
    return [PlannedRequest(k, start_s + k * gap_s, 8, 100) for k in range(int((end_s - start_s) / gap_s))]


def plan(*parts: Sequence[PlannedRequest]) -> list[PlannedRequest]:
    joined = sorted((request for part in parts for request in part), key=lambda r: r.at_s)
    return [PlannedRequest(k, r.at_s, r.prompt_tokens, r.output_tokens) for k, r in enumerate(joined)]


def levels(prediction: Prediction, until_s: float = 600) -> list[int]:
    assert prediction.scaling is not None
    return [number for _, number in prediction.scaling.timeline(until_s)]


def test_replicas_follow_the_load_up_and_down(build: Any, calibration: Any) -> None:
    load = plan(every(1.0, 0, 600), every(0.04, 100, 250))
    prediction = twin(calibration, setting(build, scaler(), size=4)).run(load, seed=1, horizon_s=600)
    numbers = levels(prediction)
    assert (numbers[0], numbers[-1]) == (1, 1)
    assert max(numbers) > 1
    fixed = Twin(("ai/ai-0",), EngineSpec(slots=2, context_tokens=1024), calibration()).run(load, seed=1, horizon_s=600)
    assert prediction.outcome.e2e_ms.p95 < fixed.outcome.e2e_ms.p95


def test_a_pod_on_the_node_that_is_there_starts_sooner_than_one_that_needs_a_new_node(build: Any, calibration: Any) -> None:
    load = every(0.04, 0, 300)
    for size, wait_s in ((4, DELAYS.start_s), (1, DELAYS.start_s + DELAYS.provision_s)):
        scaling = twin(calibration, setting(build, scaler(), size=size)).run(load, seed=1, horizon_s=300).scaling
        assert scaling is not None
        second = scaling.pods[1]
        assert second.ready_s - second.asked_s == wait_s
        assert bool(scaling.nodes) == (size == 1)


def test_a_model_that_is_loaded_at_once_serves_at_once(build: Any, calibration: Any) -> None:
    how = replace(setting(build, scaler(), size=4), delays=Delays(provision_s=0, start_s=0))
    prediction = twin(calibration, how).run(every(0.04, 0, 300), seed=1, horizon_s=300)
    assert max(levels(prediction, 300)) > 1
    assert {record.replica for record in prediction.records} == {pod.name for pod in prediction.scaling.pods}


def test_nodes_without_pods_go_after_ten_minutes(build: Any, calibration: Any) -> None:
    load = plan(every(0.04, 0, 200), every(5.0, 200, 1500))
    scaling = twin(calibration, setting(build, scaler(), until_s=1500)).run(load, seed=1, horizon_s=1500).scaling
    assert scaling is not None
    (last_down,) = {pod.end_s for pod in scaling.pods if math.isfinite(pod.end_s)} & {max(p.end_s for p in scaling.pods if p.end_s < 1e9)}
    assert scaling.nodes
    assert all(600 <= node.removed_s - last_down <= 630 or node.removed_s < last_down + 600 for node in scaling.nodes)
    assert all(math.isfinite(node.removed_s) for node in scaling.nodes)


def test_a_pool_that_is_full_leaves_pods_without_a_node(build: Any, calibration: Any) -> None:
    prediction = twin(calibration, setting(build, scaler(), most=2)).run(every(0.02, 0, 300), seed=1, horizon_s=300)
    assert max(levels(prediction, 300)) == 2
    assert prediction.scaling is not None
    assert any(math.isinf(pod.placed_s) for pod in prediction.scaling.pods)


def test_cpu_of_an_engine_is_the_time_for_which_it_has_work(build: Any, calibration: Any) -> None:
    busy, idle = every(0.05, 0, 200), every(20.0, 0, 200)
    how = setting(build, scaler("cpu", 0.7), size=4)  # 4 cores, 4 requested
    assert max(levels(twin(calibration, how).run(busy, seed=1, horizon_s=200), 200)) > 1
    assert levels(twin(calibration, how).run(idle, seed=1, horizon_s=200), 200) == [1]


def test_requests_wait_at_the_door_while_nothing_runs_and_wake_it_up(build: Any, calibration: Any) -> None:
    to_zero = scaler(value=20, to_zero=True, cooldown_s=60)
    load = plan(every(1.0, 0, 30), every(1.0, 300, 310))
    prediction = twin(calibration, setting(build, to_zero, size=4)).run(load, seed=1, horizon_s=600)
    assert levels(prediction) == [1, 0, 1, 0]
    late = [record for record in prediction.records if record.intended_s >= 300]
    assert all(record.status is Status.OK for record in late)
    assert all(record.e2e_ms > 1000 * DELAYS.start_s * 0.5 for record in late)


def test_who_gives_up_at_the_door_has_failed(build: Any, calibration: Any) -> None:
    to_zero = scaler(to_zero=True, cooldown_s=60)
    load = plan(every(1.0, 0, 10), every(1.0, 300, 305))
    prediction = twin(calibration, setting(build, to_zero, size=4), timeout_s=5.0).run(load, seed=1, horizon_s=600)
    assert [r.error for r in prediction.records if r.intended_s >= 300] == ["no replica within 5 s"] * 5


def test_a_pod_that_was_added_is_lost_with_its_node_and_replaced(build: Any, calibration: Any) -> None:
    lost = NodeOutage("gpu-added-0", 200, math.inf, announced=True, closes_zone=False)
    how = setting(build, scaler(most=2), most=3, lost=(lost,))
    scaling = twin(calibration, how).run(every(0.04, 0, 600), seed=1, horizon_s=600).scaling
    assert scaling is not None
    on_it = [pod for pod in scaling.pods if pod.end_s == 200]
    assert len(on_it) == 1
    assert any(pod.asked_s == 200 and math.isfinite(pod.ready_s) for pod in scaling.pods)


def test_an_overload_that_scaling_mends_is_none_and_one_that_it_does_not_is_told(build: Any, calibration: Any) -> None:
    how = setting(build, scaler(most=4), size=4)
    enough, far_too_much = every(1 / 30, 0, 300), every(1 / 200, 0, 300)
    mended, overloaded = Backlog(2), Backlog(2)
    twin(calibration, how).run(enough, seed=1, horizon_s=600, backlog=mended)
    twin(calibration, how).run(far_too_much, seed=1, horizon_s=600, backlog=overloaded)
    assert mended.grows_per_s is None
    assert overloaded.grows_per_s is not None
    assert overloaded.seen_s is not None
    assert overloaded.seen_s < 300


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gap_s=st.floats(0.2, 2.0), value=st.floats(0.5, 8), to_zero=st.booleans())
def test_no_request_is_lost_and_bounds_hold(build: Any, calibration: Any, gap_s: float, value: float, to_zero: bool) -> None:
    how = setting(build, scaler(value=value, to_zero=to_zero, cooldown_s=30), until_s=200, size=2)
    load = every(gap_s, 0, 200)
    prediction = twin(calibration, how).run(load, seed=1, horizon_s=200)
    assert len(prediction.records) == len(load)  # and the ledger of the run is closed
    assert all((0 if to_zero else 1) <= number <= 4 for number in levels(prediction, 200))
    assert 0 <= prediction.outcome.utilisation <= 1
    again = twin(calibration, how).run(load, seed=1, horizon_s=200)
    assert again.records == prediction.records
