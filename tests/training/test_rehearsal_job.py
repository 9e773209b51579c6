"""The rehearsal's training job: the program that stands in the graph, killed and evicted, and what the twin said of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foundation.formats.changes import parse_changes
from foundation.training import load_checkpoint
from sandtable.document.pictures import read_pictures
from sandtable.jobs.training import job
from sandtable.terminal import Steps
from stacks.components.workloads.training import program_of
from stacks.environment import TrainingJob
from workloads.reinforcement.spec import ReinforcementSpec

RUN = {"name": "learn", "pool": "a", "reinforcement": {"algorithm": "q-learning", "environment": "Taxi-v4", "steps": 200_000}}


class Graph:
    """The live graph, as far as the job reads it."""

    def __init__(self, *runs: dict[str, Any]) -> None:
        self._runs = [TrainingJob.model_validate(run) for run in runs]

    def objects(self, _kind: str) -> list[Any]:
        return [SimpleNamespace(object_name=run.name, containers=lambda run=run: [self._container(run)], pod_spec={}) for run in self._runs]

    def _container(self, run: TrainingJob) -> dict[str, Any]:
        program, args = program_of(run)
        return {"name": program, "args": args, "image": f"registry.example/sandtable/{program}:1"}


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(job, "ensure_environment", lambda _group, _steps: Path(sys.executable))
    return SimpleNamespace(folder=tmp_path, steps=Steps(quiet=True))


def test_a_run_that_is_killed_and_evicted_ends_with_the_same_bits(setting: Any, tmp_path: Path) -> None:
    outcome, remarks = job.training_job(Graph(RUN), parse_changes("training=kill@5s+training=evict@10s"), setting)
    assert outcome is not None
    assert remarks.missing == ()
    assert "struck" in outcome.notes[0]  # how often before its end depends on the machine; test_program.py answers a notice for certain
    assert next((picture.job, picture.name) for picture in read_pictures(tmp_path)) == (outcome.job, "curve")
    figures = {figure.name: figure for figure in outcome.figures}
    assert figures["rl_reward"].measured == pytest.approx(7.9, abs=0.4)
    time, overhead = figures["training_s"], figures["job_overhead_share"]
    assert time.measured  # how near they are is measured on a quiet machine: the guide has the figures
    assert time.predicted
    assert overhead.predicted is not None
    assert 0 < overhead.predicted < 1
    killed = load_checkpoint(tmp_path / "training" / "learn" / "seed-0.checkpoint", "reinforcement/q-learning")
    from sandtable.jobs.training.running import run

    args = ReinforcementSpec("q-learning", "Taxi-v4", 200_000, out=str(tmp_path / "whole")).to_args()
    run("workloads.reinforcement", args, tmp_path / "whole", Path(sys.executable))
    whole = load_checkpoint(tmp_path / "whole" / "seed-0.checkpoint", "reinforcement/q-learning")
    assert np.array_equal(killed.arrays["table"], whole.arrays["table"])


def test_nothing_runs_where_the_stack_has_no_program_of_ours(setting: Any) -> None:
    outcome, remarks = job.training_job(Graph({"name": "own", "pool": "a"}), (), setting)
    assert outcome is None
    assert remarks.missing == ()


def test_a_program_that_fails_is_missing_with_its_own_words(setting: Any) -> None:
    broken = RUN | {"reinforcement": {"algorithm": "dqn", "environment": "Taxi-v4"}}
    outcome, remarks = job.training_job(Graph(broken, RUN | {"name": "second"}), (), setting)
    assert outcome is None
    assert "needs observations of numbers" in remarks.missing[0]
    assert remarks.notes == ("training job second was not run: a rehearsal runs the first of each program",)
