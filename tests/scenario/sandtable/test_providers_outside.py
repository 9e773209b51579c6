"""An environment with providers outside: its prediction goes through the gateway, and faults of providers are predicted."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from foundation.measures import JobOutcome
from sandtable.jobs.asked_faults import asked_faults
from sandtable.jobs.engines.trial import Setting, Trial, predict_published
from sandtable.jobs.gateway.predicting import gateway_of
from sandtable.terminal import Steps
from sandtable.workspace import Workspace
from simulations.deployed import DeployedEngines
from stacks.environment.file import load
from stacks.graph.sources import from_program
from stacks.traffic import plan

ROOT = Path(__file__).parents[3]


@cache
def predicted(name: str, *faults: str) -> Trial:
    environment = load(name, root=ROOT)
    graph = from_program(environment)
    engines = DeployedEngines.from_graph(graph)
    setting = Setting(
        environment, plan(environment.traffic), Workspace(ROOT), ROOT, Steps(quiet=True), asked_faults(environment, [*faults])
    )
    return predict_published(engines, str(engines.runs_on()), setting, gateway_of(graph, environment))


def figures(outcome: JobOutcome) -> dict[str, float | None]:
    assert all(figure.measured is None for figure in outcome.figures)
    return {figure.name: figure.predicted for figure in outcome.figures}


@pytest.mark.parametrize(("name", "share"), [("staging", 0.2), ("prod", 0.4)])
def test_the_load_goes_through_the_gateway_to_the_providers_of_its_routes(name: str, share: float) -> None:
    trial = predicted(name)
    (gateway,) = trial.jobs
    found = figures(gateway)
    outside = sum(found[f"answered_by_{provider}"] or 0 for provider in ("anthropic", "gemini") if f"answered_by_{provider}" in found)
    assert trial.prediction is not None
    assert outside / trial.prediction.outcome.requests == pytest.approx(share, abs=0.1)
    assert 0 < (found["usd_per_request"] or 0) < 0.001
    assert "p95_gateway_overhead_ms" not in found  # assumed, not predicted
    assert "no load is sent to them" in trial.remarks.simulated[-1]


def test_a_fault_of_a_provider_outside_is_predicted_and_not_injected() -> None:
    trial = predicted("prod", "anthropic=503@15s+15s", "engine=kill@40s+5s")
    _, faults = trial.jobs
    found = figures(faults)
    assert found["failed_share_during_faults"] == 0
    assert (found["fallback_share_during_faults"] or 0) > 0.05
    assert (found["attempts_per_request_during_faults"] or 0) > 1
    assert "no fault was injected" in trial.remarks.missing[-1]
