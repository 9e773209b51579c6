"""The training jobs of a graph as one outcome; what runs them is tests/training/test_rehearsal_job.py."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foundation.formats.changes import parse_changes
from foundation.training.phases import Phase
from sandtable.jobs.training import job, running
from sandtable.terminal import Steps
from workloads.compression.spec import CompressionSpec
from workloads.reinforcement.spec import ReinforcementSpec

REPORTS: dict[str, dict[str, Any]] = {
    "workloads.reinforcement": {"median": 500.0, "scores": {"0": 500.0}},
    "workloads.compression": {"stages": [{"stage": "quantise", "ratio": 4.68, "loss": -0.01}]},
}
JOBS = (
    ("balance", "reinforcement", ReinforcementSpec(steps=20_000).to_args()),
    ("again", "reinforcement", ReinforcementSpec(steps=20_000).to_args()),
    ("shrink", "compression", CompressionSpec(steps=200).to_args()),
)


def resource(name: str, program: str, args: list[str]) -> Any:
    container = {"name": program, "args": args, "image": f"registry.example/sandtable/{program}:1"}
    return SimpleNamespace(object_name=name, containers=lambda: [container], pod_spec={})


def test_the_first_job_of_each_program_counts_and_both_make_one_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    struck: list[tuple[str, int]] = []

    def run(module: str, _args: Any, folder: Path, _python: Path, *, strikes: Any = (), **_: Any) -> running.Run:
        struck.append((folder.name, len(strikes)))
        name = "train" if module.endswith("compression") else "seed 0"
        return running.Run(12.0, 1.0, (-9,) * len(strikes), [Phase(name, 100, 50, work_s=9.0, saves=2, judging_s=1.0)], REPORTS[module])

    monkeypatch.setattr(job, "ensure_environment", lambda _group, _steps: Path("python"))
    monkeypatch.setattr(running, "run", run)
    graph: Any = SimpleNamespace(objects=lambda _kind: [resource(*each) for each in JOBS])
    setting: Any = SimpleNamespace(folder=tmp_path, steps=Steps(quiet=True))
    outcome, remarks = job.training_job(graph, parse_changes("training=kill@3s+training=kill@6s"), setting)
    assert outcome is not None
    assert struck == [("balance", 0), ("balance", 2), ("shrink", 0), ("shrink", 2)]
    figures = {figure.name: figure for figure in outcome.figures}
    assert list(figures) == ["rl_reward", "compression_ratio", "compression_loss", "training_s", "job_overhead_share"]
    assert (figures["training_s"].measured, figures["training_s"].n) == (24.0, 2)
    assert figures["job_overhead_share"].measured == pytest.approx(1 - 20 / 24)
    assert 0 < (figures["job_overhead_share"].predicted or 0) < 1
    assert [note.partition(":")[0] for note in outcome.notes] == ["job balance", "job shrink"]
    assert "struck 2 times, 0 of them answered with a checkpoint" in outcome.notes[0]
    assert remarks.notes == ("training job again was not run: a rehearsal runs the first of each program",)
    assert len(remarks.real) == 2
