"""``python -m workloads.compression`` as a process, and the engine that serves what it wrote."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import torch

from foundation.processes.child import Child
from foundation.processes.python import python_environment
from foundation.training import STOPPED, load_checkpoint
from workloads.compression.engine_speed import measure, served_continuation
from workloads.compression.model.evaluation import continued
from workloads.compression.model.gguf_file import KINDS, read_gguf, write_gguf
from workloads.compression.model.training import Schedule, next_byte_loss, train
from workloads.compression.model.transformer import Shape, initial, logits

LINE = "Nothing is silently skipped: a step that cannot run says what is missing. "


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    (folder / "a.md").write_text("\n\n".join(f"{number}. {LINE}" for number in range(900)), encoding="utf-8")
    return folder


def program(*arguments: Any, log: Path) -> Child:
    command = [sys.executable, "-m", "workloads.compression", *map(str, arguments)]
    return Child(command, env=python_environment(), log=log, grace_s=60)


def run(*arguments: Any, log: Path) -> int | None:
    with program(*arguments, log=log) as child:
        return child.wait(600)


def test_the_engine_continues_a_text_as_the_weights_say(tmp_path: Path) -> None:
    """Architecture, rotary positions, grouped heads, norms and tokenizer are read by llama.cpp as they were meant."""
    shape = Shape(layers=2, width=64, feed_forward=96, heads=2, kv_heads=1)
    weights = initial(shape, 0)
    words = torch.tensor(list((LINE * 30).encode()))
    train(
        weights, lambda batch: next_byte_loss(logits(weights, shape, batch[:, :-1]), batch), words, Schedule(150, sequences=8, positions=48)
    )
    for kind in KINDS:
        path = tmp_path / f"{kind}.gguf"
        write_gguf(path, weights, shape, kind)
        expected = continued(*read_gguf(path), LINE.encode(), 40).decode()
        assert served_continuation(path, Path(sys.executable), LINE, 40, log=tmp_path / "engine.log") == expected
    speeds = measure({kind: tmp_path / f"{kind}.gguf" for kind in KINDS[:2]}, Path(sys.executable), rounds=2, log=tmp_path / "engine.log")
    assert speeds["Q8_0"].over(speeds["F32"]) > 0


def test_sigterm_leaves_a_checkpoint_and_the_next_run_goes_on_from_it(text: Path, tmp_path: Path) -> None:
    log, steps = tmp_path / "log", 80
    begin = ("train", "--text", text, "--steps", steps)
    with program(*begin, "--out", tmp_path / "cut", log=log) as child:
        while child.alive() and not any("step" in line for line in child.last_lines(3)):
            child.wait(0.05)
        child.process.send_signal(signal.SIGTERM)
        assert child.wait(120) == STOPPED
        assert "run it again to go on" in child.last_lines(1)[0]
    step = load_checkpoint(tmp_path / "cut" / "tiny.checkpoint", "compression/tiny").facts["step"]
    assert 0 < step < steps
    assert run(*begin, "--out", tmp_path / "cut", log=log) == 0
    assert run(*begin, "--out", tmp_path / "whole", log=log) == 0
    cut, whole = (tmp_path / name / "tiny.gguf" for name in ("cut", "whole"))
    assert cut.read_bytes() == whole.read_bytes()


def test_a_pipeline_leaves_a_report(text: Path, tmp_path: Path) -> None:
    options = ("--steps", 20, "--distil-steps", 5, "--lora-steps", 5, "--order", "both")
    assert run("compress", "--text", text, "--out", tmp_path, *options, log=tmp_path / "log") == 0
    rows = {row["stage"]: row for row in json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["stages"]}
    assert rows["original"]["ratio"] == 1
    assert rows["sensible 4 quantise"]["bytes"] == rows["asked 4 lora"]["bytes"] < rows["Q8_0 alone"]["bytes"]
    ET.fromstring((tmp_path / "pareto.svg").read_text(encoding="utf-8"))
    assert 'compression_ratio{type="Q8_0 alone",bits="8.5"}' in (tmp_path / "metrics.prom").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("train", "--text", "/dev/null/none", "--out", "x"), 2, "cannot be read"),
        (("compress", "--engine-python", "/dev/null/none", "--out", "x"), 1, "name the Python of the engine's environment"),
        (("train", "--out", "x", "--steps", "0"), 2, "not a positive whole number"),
        (("choose", "--ratio", "0.5"), 1, "needs no compression"),
        (("choose", "--ratio", "inf"), 2, "not a number from 0 on"),
        (("choose", "--ratio", "3", "--loss", "nan"), 2, "not a number from 0 on"),
        (("choose", "--ratio", "3"), 0, "quantise (complexity low)"),
        (("choose", "--ratio", "6"), 0, "prune (complexity medium)"),
        (("choose", "--ratio", "20"), 0, "distil (complexity high)"),
        (("choose", "--ratio", "6", "--loss", "0.1"), 0, "Q4_0"),
    ],
)
def test_what_it_answers(arguments: tuple[str, ...], code: int, reason: str, tmp_path: Path) -> None:
    assert run(*arguments, log=tmp_path / "log") == code
    assert reason in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_foreign_checkpoint_and_a_foreign_model_are_refused(text: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.checkpoint").write_bytes(b"pickle")
    assert run("train", "--text", text, "--out", tmp_path, "--steps", 5, log=tmp_path / "log") == 2
    assert "not a checkpoint of this program" in (tmp_path / "log").read_text(encoding="utf-8")
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF but no more")
    assert run("compress", "--text", text, "--out", tmp_path, log=tmp_path / "log") == 2
    assert "not a whole GGUF file" in (tmp_path / "log").read_text(encoding="utf-8")
