"""A checkpoint comes back as it was, or is refused by name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from foundation.processes import atomic_file
from foundation.training import Checkpoint, CheckpointError, checkpoint, load_checkpoint, restoring, save_checkpoint

RECIPE = {"steps": 10, "rates": (0.1, 0.2)}
WHOLE = Checkpoint("test/run", RECIPE, {"step": 3, "curve": [[0, 1.5]]}, {"w/0": np.arange(6, dtype=np.float32).reshape(2, 3)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "a.checkpoint", WHOLE)
    return tmp_path / "a.checkpoint"


def test_it_comes_back_bit_by_bit(path: Path) -> None:
    found = load_checkpoint(path, "test/run", RECIPE)
    assert found.facts == WHOLE.facts
    assert found.arrays["w/0"].tobytes() == WHOLE.arrays["w/0"].tobytes()
    assert found.arrays["w/0"].dtype == np.float32


def test_every_changed_byte_is_found(path: Path) -> None:
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match=r"damaged|not a checkpoint"):
            load_checkpoint(path, "test/run")


@pytest.mark.parametrize(
    "content", [b"", b"GGUF1234", b"SANDTABLE CHECKPOINT 2\n", b"SANDTABLE CHECKPOINT 2\n{}\n", b"SANDTABLE CHECKPOINT 2\n[]\nx"]
)
def test_another_file_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="delete it to begin anew"):
        load_checkpoint(path, "test/run")


def test_a_whole_one_without_what_is_looked_for_is_refused(path: Path) -> None:
    found = load_checkpoint(path, "test/run")
    with (
        pytest.raises(CheckpointError, match=r"a\.checkpoint: its content is not what this program writes \('w/1'\); delete it"),
        restoring(path),
    ):
        found.arrays["w/1"]


@pytest.mark.parametrize("head", [b"[]", b'{"kind":"test/run","recipe":"x","facts":{}}', b'{"kind":"test/run","recipe":{},"facts":3}'])
def test_a_head_of_another_shape_is_refused_though_its_digest_fits(path: Path, head: bytes) -> None:
    rest = head + b"\n"
    path.write_bytes(b"SANDTABLE CHECKPOINT 2\n" + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    with pytest.raises(CheckpointError, match="its content is not what this program writes"):
        load_checkpoint(path, "test/run", RECIPE)


def test_another_run_is_refused(path: Path) -> None:
    with pytest.raises(CheckpointError, match="a checkpoint of test/run, not of test/walk"):
        load_checkpoint(path, "test/walk")
    with pytest.raises(CheckpointError, match="other settings: steps 10, now 11"):
        load_checkpoint(path, "test/run", {**RECIPE, "steps": 11})


def test_a_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"b\.checkpoint: No such file"):
        load_checkpoint(tmp_path / "b.checkpoint", "test/run")


def test_a_full_disk_leaves_the_previous_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    with pytest.raises(CheckpointError, match="No space left on device; the previous one is unchanged"):
        save_checkpoint(path, WHOLE)
    monkeypatch.setattr(checkpoint, "write_bytes", atomic_file.write_bytes)
    assert load_checkpoint(path, "test/run").facts["step"] == 3
