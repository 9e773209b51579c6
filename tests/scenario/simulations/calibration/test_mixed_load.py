"""The two ratios of a mixed load are found again from the answers that they give."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulations.calibration import Calibration
from simulations.calibration.client import Answer
from simulations.calibration.mixed_load import FEWEST_REQUESTS, fit_load, mixed_load
from simulations.serving import Engine, EngineRequest, StepTimes
from workloads.telemetry.outcome import RequestRecord

Build = Callable[..., Calibration]


def answers(truth: Calibration, requests: list[EngineRequest]) -> list[Answer]:
    """What requests see of an engine that is exactly as ``truth`` says."""
    records: dict[int, RequestRecord] = {}
    engine = Engine("true", truth.spec, StepTimes(truth), on_end=lambda request, record: records.__setitem__(request.index, record))
    for request in requests:
        engine.advance(request.at_s)
        engine.offer(request)
    engine.advance(float("inf"))
    seen = []
    for request in requests:
        record = records[request.index]
        first = (record.first_token_s or 0.0) - record.intended_s
        seen.append(Answer(request.prompt_tokens, record.intended_s, [first, record.e2e_ms / 1e3]))
    return seen


@pytest.mark.parametrize(("prefill", "decode"), [(1.0, 1.0), (1.2, 1.05), (0.9, 1.1)])
def test_each_is_found_apart_from_the_other(calibration: Build, prefill: float, decode: float) -> None:
    alone = calibration()
    requests = mixed_load(alone)
    assert len(requests) >= FEWEST_REQUESTS
    seen = answers(calibration(prefill_under_load=prefill, decode_under_load=decode), requests)
    found_prefill, found_decode, fit = fit_load(alone, requests, seen)
    assert (found_prefill.value, found_decode.value) == pytest.approx((prefill, decode), abs=0.011)
    assert fit.median_error < 0.01
    assert found_prefill.n == found_decode.n == len(requests)


def test_a_few_disturbed_requests_do_not_move_them(calibration: Build) -> None:
    alone = calibration()
    requests = mixed_load(alone)
    seen = answers(calibration(prefill_under_load=1.1, decode_under_load=1.0), requests)
    for answer in seen[::10]:
        answer.token_s = [3 * token for token in answer.token_s]
    prefill, decode, _ = fit_load(alone, requests, seen)
    assert (prefill.value, decode.value) == pytest.approx((1.1, 1.0), abs=0.021)
