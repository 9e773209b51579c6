"""The rehearsal's drill with real members: the leader killed, the time without writes beside its prediction."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.formats.changes import parse_changes
from sandtable.jobs import coordination as job
from simulations.coordination import DeployedCoordination, times_without_writes_ms
from workloads.consensus.spec import CoordinationSpec

pytestmark = pytest.mark.coordination


def test_a_killed_leader_is_measured_and_predicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "_KILLS", 2)
    spec = CoordinationSpec("lab", {f"n{number}": "unused:1" for number in range(3)}, "/data")
    kills = parse_changes("coordination=kill@0s")
    drilled = job.drill(DeployedCoordination(3, spec, "StatefulSet data/coordination"), kills, tmp_path)
    assert drilled.contradiction is None
    assert len(drilled.without_writes_ms) == 2
    outcome = job.outcome_of(times_without_writes_ms(spec, drilled.machine, runs=20), drilled, kills)
    without, write = outcome.figures
    assert (without.name, write.name) == ("no_writes_ms_during_faults", "p95_coordination_write_ms")
    assert without.predicted is not None
    assert without.measured is not None
    assert 100 < without.measured < 20 * without.predicted
