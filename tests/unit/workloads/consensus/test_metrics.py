"""What a member shows at /metrics: the series that are declared, and no others."""

from __future__ import annotations

import os
from pathlib import Path

from workloads.consensus.server.metrics import Durations, exposition
from workloads.telemetry.coordination import COORDINATION_SERIES, FSYNC_SECONDS

STATUS = {"member": "a", "leader": "a", "term": 3, "commit": 9, "applied": 8, "revision": 7, "keys": 2, "clients": 1, "watches": 0}


def samples(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


def test_the_series_are_those_that_are_declared(tmp_path: Path) -> None:
    found = samples(exposition(STATUS, Durations(), tmp_path))
    histogram = {name for name in found if name.startswith(FSYNC_SECONDS)}
    assert {name for name in found if name not in histogram} == set(COORDINATION_SERIES) - {FSYNC_SECONDS}
    assert {name.partition("{")[0] for name in histogram} == {f"{FSYNC_SECONDS}_{part}" for part in ("bucket", "sum", "count")}
    assert (found["coordination_is_leader"], found["coordination_has_leader"], found["coordination_applied"]) == (1, 1, 8)
    assert 0 < found["coordination_disk_free_bytes"] <= found["coordination_disk_size_bytes"]
    assert found["coordination_disk_size_bytes"] == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize


def test_a_member_without_a_leader_says_so(tmp_path: Path) -> None:
    found = samples(exposition({**STATUS, "leader": None}, Durations(), tmp_path))
    assert (found["coordination_is_leader"], found["coordination_has_leader"]) == (0, 0)


def test_a_histogram_counts_upwards_and_has_everything_in_its_last_bucket() -> None:
    durations = Durations()
    for seconds in (0.0005, 0.001, 0.002, 0.5, 7.0):
        durations.add(seconds)
    found = samples(durations.samples("t"))
    assert [found[f't_bucket{{le="{bound}"}}'] for bound in ("0.001", "0.003", "0.3", "1.0", "+Inf")] == [2, 3, 3, 4, 5]
    assert (found["t_count"], found["t_sum"]) == (5, 7.5035)
