"""The two ratios of a mixed load are found again from the answers that they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from simulations.calibration import Calibration, Fit, calibrate_again, measuring
from simulations.calibration.client import Answer
from simulations.calibration.mixed_load import FEWEST_REQUESTS, fit_load, mixed_load
from simulations.calibration.yardstick import Lap
from simulations.serving import EngineRequest, serve_alone

Build = Callable[..., Calibration]


def answers(truth: Calibration, requests: list[EngineRequest]) -> list[Answer]:
    """What requests see of an engine that is exactly as ``truth`` says."""
    seen = []
    for request, record in zip(requests, serve_alone(truth, requests), strict=True):
        first = (record.first_token_s or 0.0) - record.intended_s
        seen.append(Answer(request.prompt_tokens, record.intended_s, [first, record.e2e_ms / 1e3]))
    return seen


@pytest.mark.parametrize(("prefill", "decode"), [(1.0, 1.0), (1.2, 1.05), (0.9, 1.1)])
def test_each_is_found_apart_from_the_other(calibration: Build, prefill: float, decode: float) -> None:
    alone = calibration()
    requests = mixed_load(alone, seed=11)
    assert len(requests) >= FEWEST_REQUESTS
    seen = answers(calibration(prefill_under_load=prefill, decode_under_load=decode), requests)
    found_prefill, found_decode, fit = fit_load(alone, requests, seen)
    assert (found_prefill.value, found_decode.value) == pytest.approx((prefill, decode), abs=0.011)
    assert fit.median_error < 0.01
    assert found_prefill.n == found_decode.n == len(requests)


def test_slow_moments_count_as_much_as_they_last(calibration: Build) -> None:
    alone = calibration()
    requests = mixed_load(alone, seed=11)
    seen = answers(calibration(prefill_under_load=1.1, decode_under_load=1.0), requests)
    for answer in seen[::10]:
        answer.token_s = [2 * token for token in answer.token_s]
    prefill, decode, _ = fit_load(alone, requests, seen)
    # A twentieth of a doubling, less what queues add to a slower engine by themselves.
    assert 1.1 * 1.01 < prefill.value * decode.value < 1.1 * 2 ** (1 / 10)


def test_an_engine_that_changed_is_taken_half_way(calibration: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def slower(url: str, requests: list[EngineRequest], on_progress: Callable[[int, int, str], None]) -> list[Answer]:
        on_progress(1, len(requests), url)
        return answers(calibration(prefill_under_load=1.21, decode_under_load=1.21), requests)

    monkeypatch.setattr(measuring, "send", slower)
    before = replace(calibration(), load_fit=Fit(0.05, 0.3, 134))
    between = calibrate_again("http://engine", before, on_progress=lambda _done, _total, what: told.append(what))
    assert told == ["http://engine"]
    assert (between.prefill_under_load.value, between.decode_under_load.value) == pytest.approx((1.1, 1.1), abs=0.01)
    assert between.prefill_under_load.n > before.prefill_under_load.n
    assert between.prefill_under_load.source.startswith("geometric mean of 1 before and 1.2")
    assert (between.change(), between.doubt()) == ("21% slower than before", None)
    assert "after the load the engine was 26% slower than before, the limit is 25%" in str(replace(between, drift=0.26).doubt())
    assert replace(between, drift=0.004).change() == "as fast as before"
    assert "26% faster" in str(replace(between, drift=-0.26).doubt())
    assert between.load_fit == before.load_fit, "the worse of the two"
    ratios = {"prefill_under_load": before.prefill_under_load, "decode_under_load": before.decode_under_load}
    assert replace(between, **ratios, drift=None) == before


def test_the_yardstick_is_held_against_the_mixed_loads_alone(calibration: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    laps = iter([2.42e-4])

    async def sent(_url: str, requests: list[EngineRequest], _on_progress: object) -> list[Answer]:
        order.append("mixed load")
        return answers(calibration(), requests)

    @contextmanager
    def lap() -> Iterator[Lap]:
        order.append("begin")
        held = Lap()
        yield held
        order.append("end")
        held.mean_s = next(laps)

    monkeypatch.setattr(measuring, "send", sent)
    before = replace(calibration(), load_fit=Fit(0.05, 0.3, 134), yardstick_s=2e-4)
    between = calibrate_again("http://engine", before, lap=lap)
    assert order == ["begin", "mixed load", "end"]
    assert between.yardstick_s == pytest.approx(2.2e-4), "half-way, as the ratios are"
    during = between.at(2.31e-4)
    assert during.pace == pytest.approx(1.05)
    for name in ("prefill_under_load", "decode_under_load"):
        assert getattr(during, name).value == pytest.approx(1.05 * getattr(between, name).value)
        assert getattr(during, name).source.endswith("by the yardstick 1.050 times as slow as during the mixed load")
    assert during.doubt() is None
    assert "during the load the machine was 30% slower than on both sides of it, the limit is 25%" in str(between.at(2.86e-4).doubt())
    assert "54% faster" in str(between.at(1.01e-4).doubt())
    assert between.at(None) is between
    assert replace(between, yardstick_s=None).at(2e-4).pace is None
    assert Calibration.from_json(during.to_json()) == during
    laps = iter([None])
    assert calibrate_again("http://engine", before, lap=lap).yardstick_s is None, "one lap alone tells nothing of the time between"


def test_an_engine_without_a_mixed_load_is_not_asked_again(calibration: Build) -> None:
    assert calibrate_again("http://nowhere", calibration()) == calibration()
    # Just fast enough for the first mixed load, and too slow for the second.
    slow = replace(calibration(compute={1: 0.1, 512: 50.0}), load_fit=Fit(0.05, 0.3, 20))
    assert len(mixed_load(slow, seed=12)) < FEWEST_REQUESTS
    assert calibrate_again("http://nowhere", slow) == slow


def test_a_mixed_load_that_is_not_given_back_does_not_count(calibration: Build) -> None:
    assert replace(calibration(), load_fit=Fit(0.25, 3.0, 134)).doubt() is None
    assert "its own mixed load only within 26% in the median (n=134)" in str(replace(calibration(), load_fit=Fit(0.26, 3.0, 134)).doubt())
