"""The model file as it lies on the disk, read by the library that the engine reads it with."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from workloads.engine.errors import ModelFileError
from workloads.engine.model import Recipe, ensure_model

SMALL = Recipe(layers=1, width=64, feed_forward=64, heads=2, kv_heads=1)


def test_one_recipe_gives_one_file_to_the_last_byte(tmp_path: Path) -> None:
    first, second = (ensure_model(tmp_path / name, SMALL) for name in "ab")
    assert first.name == second.name == f"synthetic-{SMALL.digest}.gguf"
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == [first.name]  # nothing half-written is left


def test_it_is_written_once(tmp_path: Path) -> None:
    path = ensure_model(tmp_path, SMALL)
    before = path.stat()
    assert ensure_model(tmp_path, SMALL).stat() == before


def test_another_recipe_is_another_file() -> None:
    assert Recipe(seed=2).digest != Recipe().digest


def test_every_byte_is_a_token_and_no_merge_can_be_used(tmp_path: Path) -> None:
    fields = gguf.GGUFReader(ensure_model(tmp_path, SMALL)).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    assert [tokens[ord(c)] for c in "Az09~!"] == list("Az09~!")
    assert tokens[0x20] == "\u0120"
    assert len(set(tokens)) == len(tokens) == 288
    (merge,) = fields["tokenizer.ggml.merges"].contents()
    assert merge.replace(" ", "") not in tokens


def test_only_letters_can_win(tmp_path: Path) -> None:
    """The last column of the story told in the module: what is no letter has a large negative weight on the constant."""
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(ensure_model(tmp_path, SMALL)).tensors}
    output = gguf.dequantize(tensors["output.weight"].data, tensors["output.weight"].tensor_type)
    assert [token for token in range(288) if output[token, 0] > -50] == [ord(c) for c in "abcdefghijklmnopqrstuvwxyz"]
    for name in ("blk.0.attn_output.weight", "blk.0.ffn_down.weight"):
        assert not gguf.dequantize(tensors[name].data, tensors[name].tensor_type)[0].any()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match=r"cannot be written to .*file: .*; name a writable folder"):
        ensure_model(tmp_path / "file", SMALL)
