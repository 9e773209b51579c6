"""A recorded run is read as it stands, and a fit finds the coefficients that made it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from foundation.measures.outcome import RequestRecord
from simulations.errors import CalibrationError
from simulations.hardware import gpu, model
from simulations.serving.paged import Limits
from simulations.serving.port import EngineRequest
from simulations.serving.replay import Fitted, Setup, fit, read_recorded
from simulations.serving.roofline import kernels_of

SETUP = Setup(Limits(20_000, 16, 4096), gpu("H100"), model("llama-3.1-8b"), kernels_of("H100"))
ROW = {"queued_ts": 5.0, "first_token_ts": 5.2, "last_token_ts": 6.0, "input_toks": 10, "output_toks": 4}


def some_requests(n: int) -> list[EngineRequest]:
    dice = Random(1)  # the same load for the same seed
    return [EngineRequest(index, index * 0.08, dice.randint(50, 900), dice.randint(5, 60)) for index in range(n)]


def test_the_first_part_of_a_run_tells_how_the_rest_goes() -> None:
    requests = some_requests(60)
    recorded = SETUP.replay(requests, Fitted(step_s=4.0e-3, mixed_keys=1.5))
    rest = fmean(record.e2e_ms for record in recorded[30:])
    untold = fmean(record.e2e_ms for record in SETUP.replay(requests, Fitted())[30:])
    told = fmean(record.e2e_ms for record in SETUP.replay(requests, fit(SETUP, requests, recorded, 30))[30:])
    assert abs(untold / rest - 1) > 0.2
    assert told == pytest.approx(rest, rel=0.05)


def test_what_comes_after_the_part_is_not_looked_at() -> None:
    requests = some_requests(40)
    recorded = SETUP.replay(requests, Fitted())
    spoilt = [*recorded[:20], *(slow(record) for record in recorded[20:])]
    assert fit(SETUP, requests, spoilt, 20) == fit(SETUP, requests, recorded, 20)
    assert fit(SETUP, requests, spoilt) != fit(SETUP, requests, recorded)


def slow(record: RequestRecord) -> RequestRecord:
    assert record.first_token_s is not None
    late = record.intended_s + 3 * (record.first_token_s - record.intended_s)
    return RequestRecord(record.intended_s, record.sent_s, late, late + 2, record.prompt_tokens, record.output_tokens, record.replica)


def write(file: Path, *rows: object) -> Path:
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


def test_requests_come_in_the_order_of_their_arrival(tmp_path: Path) -> None:
    file = write(tmp_path / "run.jsonl", {**ROW, "queued_ts": 5.1}, "", ROW)
    requests, records = read_recorded(file)
    assert [request.at_s for request in requests] == pytest.approx([0.0, 0.1])
    assert records[0].ttft_ms == pytest.approx(200)
    assert records[1].ttft_ms == pytest.approx(100)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{", "line 2"),
        ("[]", "line 2"),
        ({key: value for key, value in ROW.items() if key != "input_toks"}, "'input_toks' is missing"),
        ({**ROW, "first_token_ts": 4.0}, "queued before"),
        ({**ROW, "last_token_ts": "nan"}, "queued before"),
        ({**ROW, "output_toks": 0}, "tokens in and out"),
    ],
)
def test_a_line_that_is_no_request_is_named(tmp_path: Path, row: object, words: str) -> None:
    with pytest.raises(CalibrationError, match=words) as caught:
        read_recorded(write(tmp_path / "run.jsonl", ROW, row))
    assert "run.jsonl" in str(caught.value)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no request"):
        read_recorded(write(tmp_path / "run.jsonl"))
    with pytest.raises(CalibrationError, match="No such file"):
        read_recorded(tmp_path / "none.jsonl")
