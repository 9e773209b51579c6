"""What the drill of the group that coordinates says of what it saw."""

from __future__ import annotations

import pytest

from foundation.formats.changes import parse_changes
from sandtable.jobs.coordination import Drilled, outcome_of
from simulations.coordination import Machine
from stacks.environment.thresholds import FAULT_METRICS, JOB_METRICS

WRITES = tuple(float(number) for number in range(1, 101))


def test_with_kills_the_time_without_writes_is_predicted_and_measured() -> None:
    drilled = Drilled(Machine(), WRITES, (300.0, 400.0, 500.0), 4_000, None)
    outcome = outcome_of([350.0, 450.0], drilled, parse_changes("coordination=kill@5s"))
    without, write = outcome.figures
    assert (without.predicted, without.measured, without.n) == (400.0, 400.0, 3)
    assert without.low == pytest.approx(400 - 248.4, abs=0.1)
    assert write.measured == pytest.approx(95.95)
    assert {without.name, write.name} <= JOB_METRICS.keys()
    assert without.name in FAULT_METRICS
    assert outcome.notes[-1] == "4,000 operations were checked: one copy could have answered them."


def test_without_kills_there_are_the_times_of_writes_alone_and_a_contradiction_is_told() -> None:
    outcome = outcome_of([], Drilled(Machine(), WRITES, (), 1_000, "key 'a': violated"), ())
    assert [figure.name for figure in outcome.figures] == ["p95_coordination_write_ms"]
    assert outcome.notes == ("1,000 operations were checked: one copy could not have answered them.",)
