"""The order of a rehearsal, what ends it early, and what it tells a reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.stack.examples import environment, node, workload
from policies.stack.rule import graph_of
from policies.verdict import Cause, Result
from sandtable.document.building import rehearsal
from sandtable.jobs import rehearse as jobs
from sandtable.jobs.engines.trial import NO_TRIAL, Setting, Trial
from sandtable.jobs.judge import Found, judge_all
from sandtable.jobs.rehearse import Options, Rehearsed, command_for, rehearse
from sandtable.jobs.remarks import Remarks
from sandtable.jobs.stack.first_answer import FirstAnswer
from sandtable.terminal import Steps
from sandtable.workspace import Workspace
from simulations.deployed import DeployedEngines
from stacks.environment import Environment
from stacks.graph import Graph
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

ENGINES = DeployedEngines(("ai-0",), EngineSpec("synthetic", slots=4, context_tokens=1024, threads=1, port=0), None, False, "Deployment ai")
GOOD = graph_of([])
DENIED = graph_of([workload("Deployment", "web", image="web:latest")])


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return a rehearsal of a graph in which everything that would build or start something is only noted, and those notes."""
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  sandtable:traffic: {duration_s: 10}\n")

    def run(graph: Graph, *, engines: DeployedEngines = ENGINES, lacking: str | None = None) -> tuple[Rehearsed, list[str]]:
        steps, order = Steps(quiet=True), list[str]()
        shown = steps.step

        @contextmanager
        def step(name: str, **options: Any) -> Iterator[Any]:
            order.append(name)
            with shown(name, **options) as running:
                yield running

        def ensure(*_: Any) -> str | None:
            order.append("tools")
            return lacking

        @contextmanager
        def deployed(*_: Any) -> Iterator[Any]:
            order.append("cluster")
            raise RuntimeError("created")
            yield

        def tried(_engines: DeployedEngines, _setting: Setting, _gateway: object) -> Trial:
            order.append("engines")
            return NO_TRIAL

        monkeypatch.setattr(steps, "step", step)
        monkeypatch.setattr(steps, "say", lambda text: order.append(f"say {text}"))
        monkeypatch.setattr("stacks.graph.sources.from_program", lambda _: graph)
        monkeypatch.setattr(jobs, "_engines", lambda _: engines)
        monkeypatch.setattr(jobs, "ensure_or_skip", ensure)
        monkeypatch.setattr(jobs, "_deployed", deployed)
        monkeypatch.setattr(jobs, "predict_and_measure", tried)
        return rehearse("dev", Workspace(tmp_path), Options(), steps), order

    return run


def test_what_needs_no_tool_is_answered_before_any_is_built(rehearsed: Any) -> None:
    done, order = rehearsed(GOOD, lacking="Go is missing")
    *first, said, tools, engines = order
    assert (first, tools, engines) == (["graph", "policies", "cost"], "tools", "engines")
    assert said.startswith("say next: deploy the stack, measure the speed of 1 engine, predict and send ")
    assert done.found.remarks.missing == ("graph mode: nothing was deployed: Go is missing",)


def test_a_prediction_from_published_figures_comes_before_the_tools_too(rehearsed: Any) -> None:
    on_gpus = replace(ENGINES, gpu_model="H100", needs_gpus=True)
    done, order = rehearsed(GOOD, engines=on_gpus, lacking="Go is missing")
    assert order[:4] == ["graph", "policies", "cost", "predict"]
    assert order[4].startswith("say next: deploy the stack; nothing is measured, because the engines request H100 GPUs")
    assert order[5:] == ["tools"]
    assert done.found.trial.prediction is not None
    assert any("the prediction rests on published coefficients" in text for text in done.found.remarks.missing)


def test_a_policy_that_denies_ends_it_before_any_tool_is_built(rehearsed: Any) -> None:
    done, order = rehearsed(DENIED)
    assert order == ["graph", "policies", "cost"]
    assert (done.verdict.result, done.verdict.cause) == (Result.HOLD, Cause.POLICY)
    assert "nothing was created because a policy denies" in map(str, done.verdict.reasons)


def test_a_rehearsal_that_fails_leaves_no_empty_run_behind(rehearsed: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="created"):
        rehearsed(GOOD)
    assert list((tmp_path / ".sandtable" / "runs").iterdir()) == []


def test_nodes_without_a_price_leave_the_cost_undecided() -> None:
    known = Environment.model_validate(environment("dev", thresholds=["monthly_cost_usd <= 300"]))
    graph = graph_of([node("cpu-0"), node("big-0", pool="big", instance_type="c6i.2xlrage")])
    verdict = judge_all(Found(known, (), FirstAnswer(graph, (), monthly_cost(graph, PriceBook.bundled()))))
    assert verdict.result is Result.INCONCLUSIVE
    assert any("cannot tell: monthly_cost_usd <= 300" in reason and "c6i.2xlrage" in reason for reason in map(str, verdict.reasons))


def test_the_load_of_a_trace_is_what_was_planned() -> None:
    traffic = {"arrivals": "trace", "trace": "day.csv", "rate_per_s": 1.0, "duration_s": 60}
    known = Environment.model_validate(environment("dev", traffic=traffic))
    verdict = judge_all(Found(known, (), FirstAnswer(GOOD, (), monthly_cost(GOOD, PriceBook.bundled()))))
    planned = [PlannedRequest(index, index / 4, 10, 5) for index in range(21)]
    notes = ["1 bad row of the trace was skipped"]
    load = rehearsal(known, verdict, started_at="", planned=planned, notes=notes).load
    assert (load.trace, load.requests, load.rate_per_s, load.duration_s) == ("day.csv", 21, 4.0, 5.0)
    assert (load.notes, load.errors) == (("1 bad row of the trace was skipped",), ())
    assert rehearsal(known, verdict, started_at="", planned=planned[:1]).load.rate_per_s is None


def test_remarks_of_two_jobs_stay_in_their_order() -> None:
    first, second = Remarks(missing=("a",), real=("x",)), Remarks(missing=("b",), notes=("n",))
    assert first + second == Remarks(missing=("a", "b"), notes=("n",), real=("x",))


@pytest.mark.parametrize(
    ("name", "root", "options", "expected"),
    [
        ("dev", ".", Options(), "sandtable rehearse dev"),
        ("dev", "my stacks", Options(skip_bad_rows=True), "sandtable -C 'my stacks' rehearse dev --skip-bad-rows"),
        ("./Pulumi.$x.yaml", ".", Options(), "sandtable rehearse './Pulumi.$x.yaml'"),
    ],
)
def test_the_command_is_the_one_to_type_again(name: str, root: str, options: Options, expected: str) -> None:
    assert command_for(name, Workspace(Path(root)), options) == expected
