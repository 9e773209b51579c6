"""Blocks of prompts that a trace names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stacks.environment import Lengths, Traffic
from stacks.traffic import TraceError, plan
from stacks.traffic.traces import read_trace


def written(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(json.dumps({"timestamp": 100 * index, "output_length": 5, **row}) + "\n" for index, row in enumerate(rows)))
    return path


@pytest.mark.parametrize("size", [16, 64, 512, 1024])
@pytest.mark.parametrize("whole_only", [False, True])
def test_the_size_of_a_block_follows_from_the_lengths(tmp_path: Path, size: int, whole_only: bool) -> None:
    lengths = [size * 3 + 5, size * 7 + 1, size * 20 + size - 1, size * 4]
    blocks = [tokens // size if whole_only else -(-tokens // size) for tokens in lengths]
    trace = read_trace(written(tmp_path, [{"input_length": n, "hash_ids": list(range(b))} for n, b in zip(lengths, blocks, strict=True)]))
    assert trace.block_tokens == size
    assert [len(row.blocks) for row in trace.rows] == blocks


def test_lengths_that_fit_no_size_are_an_error_that_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, [{"input_length": 100 * (n + 1), "hash_ids": [1] * (7 + 31 * n % 11)} for n in range(20)])
    with pytest.raises(TraceError, match="no block size agrees"):
        read_trace(path)


@pytest.mark.parametrize("value", ["x", [1.5], [True], {"0": 1}, None, [None]])
def test_hashes_that_are_no_whole_numbers_make_a_bad_row(tmp_path: Path, value: Any) -> None:
    path = written(tmp_path, [{"input_length": 600, "hash_ids": [1, 2]}, {"input_length": 600, "hash_ids": value}])
    with pytest.raises(TraceError, match="line 2"):
        read_trace(path)
    assert read_trace(path, skip_bad_rows=True).bad == 1


def test_a_clipped_prompt_keeps_the_blocks_that_it_still_has(tmp_path: Path) -> None:
    path = written(tmp_path, [{"input_length": 2000, "hash_ids": [1, 2, 3, 4]}, {"input_length": 700, "hash_ids": [1, 5]}])
    traffic = Traffic(
        arrivals="trace", trace=str(path), prompt_tokens=Lengths(mean=1, high=1030), output_tokens=Lengths(mean=1), duration_s=60
    )
    first, second = plan(traffic)
    assert (first.blocks, first.block_tokens, second.blocks) == ((1, 2, 3), 512, (1, 5))
