"""The requests of the replications."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from simulations.whatif.load import LONGEST_S, REQUESTS, SHORTEST_S, Load
from simulations.whatif.rate import Rate
from stacks.environment import Lengths, Traffic
from stacks.traffic import TraceError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("rate", "horizon_s"), [(1.0, LONGEST_S), (10.0, REQUESTS / 10), (1000.0, SHORTEST_S)])
def test_a_run_is_as_long_as_a_few_thousand_requests_take(tmp_path: Path, rate: float, horizon_s: float) -> None:
    assert Load.of(Traffic(rate_per_s=rate), root=tmp_path, seed=1).horizon_s == horizon_s


def test_twice_the_traffic_is_more_of_the_same_stream_in_the_same_time(tmp_path: Path) -> None:
    load = Load.of(Traffic(rate_per_s=30), root=tmp_path, seed=1)
    once, twice = load.requests(0, Rate(1.0)), load.requests(0, Rate(2.0))
    assert len(twice) == pytest.approx(2 * len(once), rel=0.05)
    assert twice[-1].at_s < load.horizon_s
    for single, double in zip(once, twice, strict=False):
        assert (double.prompt_tokens, double.output_tokens) == (single.prompt_tokens, single.output_tokens)
        assert double.at_s == pytest.approx(single.at_s / 2)


def test_replications_differ_and_are_repeatable(tmp_path: Path) -> None:
    load = Load.of(Traffic(rate_per_s=30), root=tmp_path, seed=1)
    first, again, other = (list(load.requests(number, Rate(1.0))) for number in (0, 0, 1))
    assert first == again
    assert first != other


def test_only_what_is_asked_for_is_drawn(tmp_path: Path) -> None:
    few = Load.of(Traffic(rate_per_s=30), root=tmp_path, seed=1).requests(0, Rate(600.0))
    assert few[2] == next(itertools.islice(few, 2, None))
    assert len(few._there) == 3  # type: ignore[attr-defined]
    whole = Load.of(Traffic(rate_per_s=30), root=tmp_path, seed=1).requests(0, Rate())
    assert (whole[-1].index, whole[len(whole) - 1]) == (len(whole) - 1, whole[-1])
    with pytest.raises(IndexError):
        whole[len(whole)]


def trace_of(tmp_path: Path, seconds: int, *more: str) -> Traffic:
    """A request a second, each with a prompt one token longer."""
    rows = [f'{{"timestamp": {1000 * at}, "input_length": {10 + at}, "output_length": 5}}' for at in range(seconds)]
    (tmp_path / "trace.jsonl").write_text("\n".join([*rows, *more]) + "\n", encoding="utf-8")
    return Traffic(arrivals="trace", trace="trace.jsonl", prompt_tokens=Lengths(distribution="constant", mean=10, high=10_000))


def test_a_trace_is_replayed_in_windows_that_share_no_request(tmp_path: Path) -> None:
    load = Load.of(trace_of(tmp_path, 600), root=tmp_path, seed=1, largest=2.0)
    assert (load.horizon_s, load.windows) == (pytest.approx(60), 5)
    once, twice = ([load.requests(k, Rate(factor)) for k in range(5)] for factor in (1.0, 2.0))
    assert [window[0].prompt_tokens for window in once] == [10, 130, 250, 370, 490]
    assert {len(window) for window in once} == {60}
    assert {len(window) for window in twice} == {120}
    used = [request.prompt_tokens for window in twice for request in window]
    assert len(used) == len(set(used)) == 600
    # A pair of scenarios shares its requests.
    for single, double in zip(once, twice, strict=True):
        assert [r.prompt_tokens for r in double[:60]] == [r.prompt_tokens for r in single]
        assert double[-1].at_s < 60


@pytest.mark.parametrize(
    ("seconds", "largest", "horizon_s", "windows"),
    [(300, 1.0, 60, 5), (100, 1.0, 60, 1), (200, 1.0, 60, 3), (100, 4.0, 25, 1), (1, 1.0, SHORTEST_S, 1), (1500, 1.0, 300, 5)],
)
def test_a_short_trace_is_cut_into_short_runs_and_never_asked_for_more_than_it_has(
    tmp_path: Path, seconds: int, largest: float, horizon_s: float, windows: int
) -> None:
    load = Load.of(trace_of(tmp_path, seconds), root=tmp_path, seed=1, largest=largest)
    assert (load.horizon_s, load.windows) == (pytest.approx(horizon_s), windows)


def test_bad_rows_are_an_error_or_a_note(tmp_path: Path) -> None:
    traffic = trace_of(tmp_path, 100, "this is not a CSV row")
    with pytest.raises(TraceError, match="--skip-bad-rows"):
        Load.of(traffic, root=tmp_path, seed=1)
    load = Load.of(traffic, root=tmp_path, seed=1, skip_bad_rows=True)
    assert any(note.startswith("1 bad row of the trace was skipped") for note in load.notes)


def test_how_many_requests_come_is_known_before_they_are_drawn(tmp_path: Path) -> None:
    assert Load.of(Traffic(rate_per_s=30), root=tmp_path, seed=1).expected(Rate(2.0)) == pytest.approx(6000)
    assert Load.of(trace_of(tmp_path, 600), root=tmp_path, seed=1).expected(Rate(1.0)) == pytest.approx(120)
