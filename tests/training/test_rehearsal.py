"""An environment with training jobs rehearsed as its user does: deployed, both jobs killed twice, prediction beside measurement, judged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.clusters import open_cluster
from stacks.environment.file import load

ROOT = Path(__file__).parents[2]
SHORTER = {
    r"reinforcement: \{algorithm: ppo.*?\}": "reinforcement: {algorithm: q-learning, environment: Taxi-v4, steps: 200_000}",
    r"steps: 100, distil_steps: 60, lora_steps: 30": "steps: 40, distil_steps: 20, lora_steps: 20",
    r"rate_per_s: 4\.0": "rate_per_s: 1.0",
    r"duration_s: 30": "duration_s: 8",
    r" +- p95_e2e_ms < 8000\n": "",  # a speed of this machine decides nothing here
    r"rl_reward >= 475": "rl_reward >= 6",
    r"job_overhead_share < 0\.6": "job_overhead_share < 1",
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder with the environment that ships, its jobs and its load shorter."""
    text = (ROOT / "Pulumi.training.yaml").read_text(encoding="utf-8")
    for before, after in SHORTER.items():
        text, count = re.subn(before, after, text)
        assert count == 1, before
    (tmp_path / "Pulumi.training.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "Pulumi.yaml").write_bytes((ROOT / "Pulumi.yaml").read_bytes())
    yield tmp_path
    open_cluster(load("training", root=tmp_path), tmp_path).delete()  # a rehearsal that was killed has left it running


@pytest.mark.timeout(1500)
def test_jobs_that_are_killed_twice_are_judged_and_held_against_the_prediction(project: Path) -> None:
    command = [sys.executable, "-m", "sandtable", "-C", str(project), "rehearse", "training"]
    command += ["--fault", "training=kill@3s+training=kill@9s"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}, capture_output=True, text=True, timeout=1400, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode in {0, 4}, said  # 4: a busy machine sent the load late
    (path,) = project.glob(".sandtable/runs/*/rehearsal.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    job = next(job for job in document["jobs"] if job["job"] == "training")
    figures = {figure["name"]: figure for figure in job["figures"]}
    for name in ("training_s", "job_overhead_share", "compression_ratio"):
        assert figures[name]["predicted"] is not None, said
        assert figures[name]["measured"] is not None, said
    assert all("struck" in note and "never struck" not in note for note in job["notes"]), said
    judged = {line["expression"].split()[0]: line["holds"] for line in document["thresholds"] if line["decides"]}
    assert [judged[name] for name in ("rl_reward", "compression_ratio", "job_overhead_share")] == [True, True, True], said
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    assert all(f'alt="training: {name}"' in page for name in ("curve", "pareto"))
