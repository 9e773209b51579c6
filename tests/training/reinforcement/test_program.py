"""``python -m workloads.reinforcement`` as a process."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from foundation.processes.child import Child
from foundation.processes.python import python_environment
from foundation.training import STOPPED, load_checkpoint


def program(*arguments: Any, log: Path) -> Child:
    command = [sys.executable, "-m", "workloads.reinforcement", *map(str, arguments)]
    return Child(command, env=python_environment(), log=log, grace_s=60)


def run(*arguments: Any, log: Path) -> int | None:
    with program(*arguments, log=log) as child:
        return child.wait(600)


def test_sigterm_leaves_a_checkpoint_and_the_next_run_goes_on_from_it(tmp_path: Path) -> None:
    log, begin = tmp_path / "log", ("train", "--algorithm", "q-learning", "--environment", "Taxi-v4", "--steps", 150_000)
    with program(*begin, "--out", tmp_path / "cut", log=log) as child:
        while child.alive() and not any("mean reward" in line for line in child.last_lines(2)):
            child.wait(0.05)
        child.process.send_signal(signal.SIGTERM)
        assert child.wait(120) == STOPPED
    assert 0 < load_checkpoint(tmp_path / "cut" / "seed-0.checkpoint", "reinforcement/q-learning").facts["step"] < 150_000
    assert run(*begin, "--out", tmp_path / "cut", log=log) == 0
    assert run(*begin, "--out", tmp_path / "whole", log=log) == 0
    cut, whole = (load_checkpoint(tmp_path / name / "seed-0.checkpoint", "reinforcement/q-learning") for name in ("cut", "whole"))
    assert np.array_equal(cut.arrays["table"], whole.arrays["table"])
    assert {**cut.facts, "times": None} == {**whole.facts, "times": None}


def test_a_run_leaves_a_report(tmp_path: Path) -> None:
    options = ("--algorithm", "q-learning", "--environment", "recommender", "--steps", 5_000, "--seeds", 2)
    assert run("train", *options, "--out", tmp_path, log=tmp_path / "log") == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert sorted(report["scores"]) == ["0", "1"]
    assert report["exact"]
    ET.fromstring((tmp_path / "curve.svg").read_text(encoding="utf-8"))
    assert 'rl_episode_reward{algorithm="q-learning",env="recommender"}' in (tmp_path / "metrics.prom").read_text(encoding="utf-8")
    policy = load_checkpoint(tmp_path / "policy.checkpoint", "reinforcement/policy")
    assert policy.arrays["actions"].shape == (64,)


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("exact", "--environment", "FrozenLake-v1"), 0, "0.7442, and 0.7402"),
        (("exact", "--environment", "CartPole-v1"), 2, "no table of transitions"),
        (("train", "--environment", "None-v1", "--out", "x"), 2, "name one of Gymnasium's"),
        (("train", "--environment", "no_module:Name-v0", "--out", "x"), 2, "No module named 'no_module'"),
        (("train", "--solved-from", "nan", "--out", "x"), 2, "'nan' is not a number"),
        (("train", "--metrics-address", "192.0.2.1:1", "--out", "x"), 3, "give another one with --metrics-address"),
        (("rlhf", "--pairs", "10", "--out", "x"), 2, "64 are the least to learn from; give more with --pairs"),
        (("train", "--steps", "-5", "--out", "x"), 2, "not a positive whole number"),
        (("train", "--seed", "-1", "--out", "x"), 2, "not a seed"),
        (
            ("train", "--algorithm", "q-learning", "--environment", "Taxi-v4", "--steps", "10", "--out", "/dev/null/x"),
            2,
            "cannot be written",
        ),
    ],
)
def test_what_it_answers(arguments: tuple[str, ...], code: int, reason: str, tmp_path: Path) -> None:
    given = (str(tmp_path / "x") if each == "x" else each for each in arguments)
    assert run(*given, log=tmp_path / "log") == code
    assert reason in (tmp_path / "log").read_text(encoding="utf-8")
