"""The outcome of a rehearsed federation: what the twin says beside what the processes did."""

from __future__ import annotations

from typing import Any

import pytest

from sandtable.jobs.federation import _outcome
from simulations.federation import Costs, DeployedFederation
from workloads.federation.definition import Definition, Privacy
from workloads.federation.spec import ClientSpec, ServerSpec

TERMS = Definition(rounds=3, secure_aggregation=False, privacy=Privacy(unit="none"), deadline_s=5.0)
DEPLOYED = DeployedFederation(
    ServerSpec(TERMS, "r", "s", "c"), ClientSpec(TERMS, "r", "s", "c", "$(POD_NAME)", "server:8000", "spiffe://server"), 3, "fl-client"
)
COSTS = Costs({"Train": 500.0}, {"PlainUpdate": 1.0}, 1.0, 900.0, (0.0, 0.0, 0.0), (0.5, 0.6, 0.7))


def report(duration_s: float) -> dict[str, Any]:
    each = {
        "accuracy": 0.72,
        "epsilon": 0.0,
        "duration_s": duration_s,
        "contributors": ["a", "b", "c"],
        "bytes": {"Train": 600, "PlainUpdate": 301},
    }
    return {"guarantee": "none", "finished": "all 3 rounds are done", "parameters": 12, "rounds": [each, each, each]}


def test_each_figure_has_both_sides() -> None:
    outcome = _outcome(DEPLOYED, COSTS, report(0.6), ())
    figures = {figure.name: figure for figure in outcome.figures}
    assert (figures["fl_accuracy"].predicted, figures["fl_accuracy"].measured) == (0.7, 0.72)
    assert (figures["fl_updates"].predicted, figures["fl_updates"].measured) == (9, 9)
    assert (figures["fl_bytes_per_round"].predicted, figures["fl_bytes_per_round"].measured) == (900, 901)
    assert figures["p50_round_s"].measured == pytest.approx(0.6)
    assert figures["p50_round_s"].predicted is not None
    assert 0.5 < figures["p50_round_s"].predicted < 2
    assert len(outcome.notes) == 2


def test_a_kill_is_predicted_and_told() -> None:
    outcome = _outcome(DEPLOYED, COSTS, report(0.6), (0.1,))
    figures = {figure.name: figure for figure in outcome.figures}
    assert figures["fl_updates"].predicted is not None
    assert figures["fl_updates"].predicted < 9
    assert "a client was killed at 0.1 s and started again" in outcome.notes[-1]
