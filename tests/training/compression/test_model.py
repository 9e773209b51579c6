"""The small model: its training can be resumed bit by bit, its file is what it says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foundation.training import CheckpointError, StopRequest
from workloads.compression.errors import DivergedError, ModelFileError, ShapeError, TextError
from workloads.compression.model.evaluation import bits_per_byte, continued
from workloads.compression.model.gguf_file import KINDS, read_gguf, write_gguf
from workloads.compression.model.seal import seal
from workloads.compression.model.text import read_text, split
from workloads.compression.model.training import Keeping, Schedule, Stopped, next_byte_loss, train
from workloads.compression.model.transformer import Shape, Weights, initial, logits

SHAPE = Shape(layers=1, width=32, feed_forward=64, heads=1, kv_heads=1)
TEXT = torch.tensor(list(b"the quick brown fox jumps over the lazy dog. " * 40))
SCHEDULE = Schedule(steps=30, sequences=4, positions=16)


def trained(schedule: Schedule = SCHEDULE, **options: Any) -> Weights:
    weights = initial(SHAPE, 0)
    train(weights, lambda batch: next_byte_loss(logits(weights, SHAPE, batch[:, :-1]), batch), TEXT, schedule, **options)
    return weights


def test_it_learns_what_repeats() -> None:
    before, after = (
        bits_per_byte(weights, SHAPE, TEXT) for weights in (initial(SHAPE, 0), trained(Schedule(120, sequences=8, positions=32)))
    )
    assert before == pytest.approx(math.log2(288), abs=0.2)
    assert after < 2.5


def test_a_run_that_is_stopped_and_resumed_ends_with_the_same_bits(tmp_path: Path) -> None:
    keeping, stop, seen = Keeping(tmp_path / "a.checkpoint", "test", every_steps=10), StopRequest(), []

    def on_step(step: int, _bits: float) -> None:
        seen.append(step)
        stop.requested = step == 17

    with pytest.raises(Stopped, match="stopped after step 17 of 30"):
        trained(keeping=keeping, stop=stop, on_step=on_step)
    resumed, whole = trained(keeping=keeping, stop=stop, on_step=on_step), trained()
    assert seen == list(range(1, 31))
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_other_settings_do_not_resume_a_run(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path / "a.checkpoint", "test", every_steps=10)
    trained(Schedule(10, sequences=4, positions=16), keeping=keeping)
    with pytest.raises(CheckpointError, match="other settings: steps 10, now 30"):
        trained(keeping=keeping)


def test_a_loss_that_explodes_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    keeping, weights = Keeping(tmp_path / "a.checkpoint", "test", every_steps=10), initial(SHAPE, 0)
    count = 0

    def loss(batch: torch.Tensor) -> torch.Tensor:
        nonlocal count
        count += 1
        return next_byte_loss(logits(weights, SHAPE, batch[:, :-1]), batch) * (math.nan if count == 15 else 1)

    with pytest.raises(DivergedError, match=r"step 14: the loss is nan .* the checkpoint of step 10 is kept"):
        train(weights, loss, TEXT, SCHEDULE, keeping=keeping)
    kept = trained(keeping=keeping)
    assert all(torch.equal(kept[name], value) for name, value in trained().items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_comes_back(kind: str, tmp_path: Path) -> None:
    weights = initial(SHAPE, 3)
    size = write_gguf(tmp_path / "m.gguf", weights, SHAPE, kind)
    found, shape = read_gguf(tmp_path / "m.gguf")
    assert shape == SHAPE
    assert size == (tmp_path / "m.gguf").stat().st_size
    close = {"F32": 0, "Q8_0": 5e-4, "Q4_0": 9e-3}[kind]
    assert all((found[name] - value).abs().max() <= close for name, value in weights.items())


@pytest.mark.parametrize("cut", [0, 3, 100, 20_000])
def test_a_damaged_file_is_refused(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write_gguf(path, initial(SHAPE, 3), SHAPE, "F32")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises((ModelFileError, ShapeError), match=r"m\.gguf"):
        read_gguf(path)


@pytest.mark.parametrize("share", [number / 25 for number in range(25)])
def test_a_flipped_bit_is_refused_wherever_it_is(share: float, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write_gguf(path, initial(SHAPE, 0), SHAPE, "Q8_0")
    content = bytearray(path.read_bytes())
    content[4 + int(share * (len(content) - 4))] ^= 16
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=str(path)):
        read_gguf(path)


def test_a_model_of_another_architecture_is_refused(tmp_path: Path) -> None:
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "gpt2")
    writer.add_tensor("x", np.zeros((1, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelFileError, match="architecture 'gpt2'"):
        read_gguf(tmp_path / "m.gguf")


@pytest.mark.parametrize(("field", "value"), [("feed_forward_length", 48), ("block_count", 2**20), ("attention.head_count", 0)])
def test_sizes_that_no_model_has_are_refused_by_the_name_of_the_file(field: str, value: int, tmp_path: Path) -> None:
    import gguf

    path = tmp_path / "m.gguf"
    write_gguf(path, initial(SHAPE, 3), SHAPE, "F32")
    place = gguf.GGUFReader(path, "r+").fields[f"llama.{field}"]
    place.parts[place.data[0]][0] = value
    place.parts[place.data[0]].base.flush()
    seal(path)
    with pytest.raises(ShapeError, match=r"m\.gguf: .* expected|m\.gguf: .* they must divide"):
        read_gguf(path)


def test_weights_of_another_shape_are_not_written(tmp_path: Path) -> None:
    weights = initial(SHAPE, 0) | {"output.weight": torch.zeros(2, 2)}
    with pytest.raises(ShapeError, match=r"output\.weight has shape \(2, 2\)"):
        write_gguf(tmp_path / "m.gguf", weights, SHAPE, "F32")
    with pytest.raises(ShapeError, match=r"output\.weight: not every weight is finite"):
        write_gguf(tmp_path / "m.gguf", weights | {"output.weight": torch.full((288, 32), math.nan)}, SHAPE, "F32")
    with pytest.raises(ModelFileError, match="cannot be written"):
        write_gguf(tmp_path / "none" / "m.gguf", initial(SHAPE, 0), SHAPE, "F32")


def test_a_continuation_depends_on_what_is_before_it() -> None:
    weights = trained(Schedule(200, sequences=8, positions=32))
    assert continued(weights, SHAPE, b"the quick brown fox ju", 6) == b"mps ov"


def test_the_held_out_part_stays_when_text_is_added() -> None:
    paragraphs = [f"paragraph {number} of some length, so that there is enough to hold out of it" for number in range(1500)]
    few, more = split(paragraphs), split([*paragraphs, "one more"])
    assert abs(len(few.held_out) - len(more.held_out)) < 20
    assert 0.07 < len(few.held_out) / (len(few.held_out) + len(few.training)) < 0.13


def test_too_little_text_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("short", encoding="utf-8")
    with pytest.raises(TextError, match="each of which must be at least 4096"):
        read_text([tmp_path])
    (tmp_path / "b.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TextError, match=r"b\.md: cannot be read"):
        read_text([tmp_path])
