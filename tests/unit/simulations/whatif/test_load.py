"""The requests of the replications."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulations.whatif.load import LONGEST_S, REQUESTS, SHORTEST_S, Load
from stacks.environment import Traffic

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("rate", "horizon_s"), [(1.0, LONGEST_S), (10.0, REQUESTS / 10), (1000.0, SHORTEST_S)])
def test_a_run_is_as_long_as_a_few_thousand_requests_take(tmp_path: Path, rate: float, horizon_s: float) -> None:
    assert Load.of(Traffic(rate_per_s=rate), root=tmp_path, seed=1).horizon_s == horizon_s


def test_twice_the_traffic_is_more_of_the_same_stream_in_the_same_time(tmp_path: Path) -> None:
    load = Load.of(Traffic(rate_per_s=30), root=tmp_path, seed=1)
    once, twice = load.requests(0, 1.0), load.requests(0, 2.0)
    assert len(twice) == pytest.approx(2 * len(once), rel=0.05)
    assert twice[-1].at_s < load.horizon_s
    for single, double in zip(once, twice, strict=False):
        assert (double.prompt_tokens, double.output_tokens) == (single.prompt_tokens, single.output_tokens)
        assert double.at_s == pytest.approx(single.at_s / 2)


def test_replications_differ_and_are_repeatable(tmp_path: Path) -> None:
    load = Load.of(Traffic(rate_per_s=30), root=tmp_path, seed=1)
    assert load.requests(0, 1.0) == load.requests(0, 1.0)
    assert load.requests(0, 1.0) != load.requests(1, 1.0)


def test_a_trace_is_replayed_window_by_window(tmp_path: Path) -> None:
    rows = [f'{{"timestamp": {1000 * at}, "input_length": {10 + at}, "output_length": 5}}' for at in range(300)]
    (tmp_path / "trace.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    traffic = Traffic(arrivals="trace", trace="trace.jsonl")
    load = Load(traffic, tmp_path, 1, 100.0, Load.of(traffic, root=tmp_path, seed=1).trace)
    windows = [load.requests(k, 1.0) for k in range(4)]
    assert [window[0].prompt_tokens for window in windows] == [10, 110, 209, 209]  # the last window ends with the trace
    assert all(0 <= request.at_s < 100 for window in windows for request in window)
    double = load.requests(0, 2.0)
    assert (len(double), double[-1].at_s) == (200, pytest.approx(99.5))
