"""Splits, shuffle and the coordinator's decisions."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.mapreduce.coordinator import MOST_FAILURES, Coordinator, Task
from workloads.mapreduce.errors import InputError, OtherJobError, UnknownJobError
from workloads.mapreduce.jobs import job_named
from workloads.mapreduce.plan_file import plan_for
from workloads.mapreduce.shuffle import Spill, grouped, merged
from workloads.mapreduce.splits import Split, blocks, splits_of
from workloads.mapreduce.work import run_task

LINES = st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=30)


@settings(max_examples=50)
@given(text=LINES, size=st.integers(1, 40), ends=st.booleans())
def test_every_line_is_in_exactly_one_split(tmp_path_factory: pytest.TempPathFactory, text: list[bytes], size: int, ends: bool) -> None:
    path = tmp_path_factory.mktemp("splits") / "input"
    path.write_bytes(b"\n".join(text) + (b"\n" if ends and text else b""))
    read = b"".join(block for split in splits_of([path], size) for block in blocks(split))
    assert read == path.read_bytes()


def test_a_file_that_is_missing_or_has_shrunk_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: No such file"):
        splits_of([tmp_path / "nowhere"])
    with pytest.raises(InputError, match="is a folder"):
        splits_of([tmp_path])
    (tmp_path / "short").write_text("a\n")
    with pytest.raises(InputError, match="ends at byte 2, and it had 9"):
        list(blocks(Split(str(tmp_path / "short"), 0, 9)))


PAIRS = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"\xff", b"b c"]), st.integers(0, 9)), max_size=40)


@settings(max_examples=30)
@given(pairs=PAIRS, kept=st.integers(1, 50), combines=st.booleans())
def test_what_goes_in_comes_out_by_key_however_often_it_spills(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[bytes, int]], kept: int, combines: bool
) -> None:
    folder = tmp_path_factory.mktemp("spill")
    spill = Spill(folder, "map-0", 2, lambda key: key[0] % 2, (lambda one, other: one + other) if combines else None, kept_keys=kept)
    for pair in pairs:
        spill.gather(lambda kept: kept.update({pair[0]: kept.get(pair[0], 0) + pair[1]})) if combines else spill.add([pair])  # noqa: B023
    spill.commit()
    runs = [folder / "map-0-0", folder / "map-0-1"]
    for run in runs:
        keys = [key for key, _ in merged([run])]
        assert keys == sorted(keys)
    found = Counter({key: sum(values) for run in runs for key, values in grouped([run])})
    wanted: Counter[bytes] = Counter()
    for key, value in pairs:
        wanted[key] += value
    assert found == wanted
    assert sorted(path.name for path in folder.iterdir()) == ["map-0-0", "map-0-1"]


def test_two_workers_get_different_tasks_and_reducers_wait_for_all_maps() -> None:
    tasks = Coordinator(2, 1)
    assert (tasks.next_for("a", 0.0), tasks.next_for("b", 0.0)) == (Task("map", 0), Task("map", 1))
    assert tasks.next_for("c", 1.0) is None
    tasks.succeeded("a", Task("map", 0), 1.0)
    assert tasks.next_for("a", 1.0) is None
    tasks.succeeded("b", Task("map", 1), 1.0)
    assert tasks.next_for("a", 1.0) == Task("reduce", 0)


def test_a_lost_worker_s_task_is_given_to_another_and_a_late_one_to_a_second() -> None:
    tasks = Coordinator(2, 1)
    tasks.next_for("a", 0.0)
    tasks.next_for("b", 0.0)
    tasks.lost("a")
    assert tasks.next_for("c", 0.1) == Task("map", 0)
    tasks.succeeded("c", Task("map", 0), 1.0)
    assert tasks.next_for("c", 5.0) is None  # b may still be at it
    assert tasks.next_for("c", 11.0) == Task("map", 1)
    assert tasks.next_for("d", 30.0) is None  # two are enough
    tasks.succeeded("c", Task("map", 1), 12.0)
    tasks.succeeded("b", Task("map", 1), 13.0)
    assert tasks.counts("map") == (2, 2)
    assert tasks.reissued == 2


def test_a_task_that_always_fails_ends_the_job() -> None:
    tasks = Coordinator(1, 1)
    for _ in range(MOST_FAILURES):
        assert tasks.failed is None
        tasks.next_for("a", 0.0)
        tasks.failed_at("a", Task("map", 0), "no space")
    assert tasks.failed == (Task("map", 0), "no space")


def done_by_hand(job: str, lines: list[bytes], folder: Path, partitions: int = 2) -> list[bytes]:
    (folder / "input").write_bytes(b"".join(line + b"\n" for line in lines))
    out = folder / "out"
    plan, _ = plan_for(job, [folder / "input"], out, partitions=partitions, split_bytes=40)
    tasks = [Task("map", number) for number in range(len(plan.splits))] + [Task("reduce", number) for number in range(partitions)]
    for task in tasks:
        run_task(plan, task, out)
    return b"".join((out / f"part-{number:05d}").read_bytes() for number in range(partitions)).splitlines()


def test_sort_gives_all_lines_in_order_over_its_partitions(tmp_path: Path) -> None:
    lines = [b"%03d" % (number * 37 % 101) for number in range(101)] + [b"050", b"050"]
    assert done_by_hand("sort", lines, tmp_path, 3) == sorted(lines)
    with pytest.raises(InputError, match="has a tab"):
        list(job_named("sort").map(b"a\tb\n", Split("x", 0, 4)))


def test_usage_sums_ledgers_by_tenant_and_model_and_counts_torn_lines(tmp_path: Path) -> None:
    entry = {"tenant": "acme", "model": "m", "input": 3, "output": 2, "cache_read": 0, "nano_usd": 7, "wasted_nano_usd": 1, "attempts": 2}
    entries = [entry | {"error": ""}, entry | {"error": "timeout"}, entry | {"error": "", "tenant": "b"}]
    lines = [*(json.dumps(one).encode() for one in entries), b'{"tenant": "ac']
    found = [json.loads(line) for line in done_by_hand("usage", lines, tmp_path)]
    acme = next(one for one in found if one.get("tenant") == "acme")
    assert (acme["requests"], acme["errors"], acme["nano_usd"], acme["attempts"]) == (2, 1, 14, 4)
    assert {"torn_lines": 1} in found
    with pytest.raises(InputError, match="is no entry of a gateway's ledger"):
        list(job_named("usage").map(b'{"a": 1}\n', Split("x", 0, 9)))


def test_a_folder_belongs_to_one_job_and_one_input(tmp_path: Path) -> None:
    source = tmp_path / "input"
    source.write_text("a b\n")
    with pytest.raises(UnknownJobError, match="there are word-count, inverted-index, sort, usage"):
        plan_for("joy", [source], tmp_path / "x", partitions=1, split_bytes=9)
    _, done = plan_for("word-count", [source], tmp_path / "out", partitions=1, split_bytes=9)
    assert done == []
    with pytest.raises(OtherJobError, match="holds the work of another job"):
        plan_for("sort", [source], tmp_path / "out", partitions=1, split_bytes=9)
    source.write_text("changed\n")
    with pytest.raises(OtherJobError, match="its input has changed"):
        plan_for("word-count", [source], tmp_path / "out", partitions=1, split_bytes=9)
    with pytest.raises(OtherJobError, match="is not empty"):
        plan_for("word-count", [source], tmp_path, partitions=1, split_bytes=9)
