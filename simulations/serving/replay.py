"""Fits an engine with paged attention to a recorded run: the same requests at the same times, and what the model says of them.

Two causes are fitted that differ between machines and releases and that no data sheet has: the host's time a step, and how much slower keys
are read in steps that also compute prompts. Everything else comes from the GPU's and the model's tables.
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import RequestRecord, quantiles
from simulations.errors import CalibrationError
from simulations.kernel import Loop, Order
from simulations.provenance import Coefficient
from simulations.serving.paged import Limits, PagedEngine
from simulations.serving.port import EngineRequest
from simulations.serving.roofline import VLLM, RooflineTimes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulations.hardware import Gpu, Model
    from simulations.serving.roofline import Kernels

_ROUNDS: Final = 12
#: Relative step of the finite differences: larger than the jumps that a request makes when it misses a step.
_STEP: Final = 0.05
#: Weight of the distance from the start, in errors for each factor of e.
_PULL: Final = 0.02


@dataclass(frozen=True, slots=True)
class Setup:
    """An engine that was recorded: its limits, and its model on ``group`` GPUs with their kernels."""

    limits: Limits
    gpu: Gpu
    model: Model
    kernels: Kernels
    group: int = 1

    def times(self, fitted: Fitted) -> RooflineTimes:
        """Return the step times with the fitted coefficients; a request is seen when it arrives."""
        source = "fitted to a recorded run"
        kernels = replace(self.kernels, mixed_keys=Coefficient(fitted.mixed_keys, "ratio", "measured", source))
        at_once = Coefficient(0.0, "s/request", "assumed", "the record begins where the engine saw the request")
        host = replace(VLLM, step_s=Coefficient(fitted.step_s, "s/step", "measured", source), request_s=at_once)
        return RooflineTimes(self.gpu, self.model, kernels, host, group=self.group)

    def replay(self, requests: Sequence[EngineRequest], fitted: Fitted) -> list[RequestRecord]:
        """Return the record of each of ``requests``, in order; their clients wait for ever."""
        loop = Loop()
        records: dict[int, RequestRecord] = {}

        def keep(request: EngineRequest, record: RequestRecord) -> None:
            records[request.index] = record

        engine = PagedEngine("replay", self.limits, self.times(fitted), loop, on_end=keep, timeout_s=math.inf)
        for request in requests:
            loop.at(request.at_s, partial(engine.offer, request), Order.ARRIVAL)
        loop.run()
        engine.audit()
        return [records[request.index] for request in requests]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The fitted coefficients: the host's seconds a step, and the ratio for keys in mixed steps. The defaults are where a fit begins."""

    step_s: float = 0.5e-3
    mixed_keys: float = 1.5


def read_recorded(file: Path) -> tuple[list[EngineRequest], list[RequestRecord]]:
    """Read a recorded run: the requests as the engine saw them, in the order of their arrival, and how each was served.

    JSON lines with ``queued_ts``, ``first_token_ts`` and ``last_token_ts`` in seconds on one clock, ``input_toks`` and ``output_toks``: the
    form in which LLMServingSim publishes runs of vLLM.

    Raises:
        CalibrationError: the file cannot be read, is empty, or a line is no such request; the text names the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CalibrationError(f"{file}: {reason}; a recorded run is expected, as JSON lines") from error
    found = (_recorded(line, f"{file}, line {number}") for number, line in enumerate(lines, start=1) if line.strip())
    rows = sorted(found, key=lambda row: row[0])
    if not rows:
        raise CalibrationError(f"{file}: no request in it")
    start = rows[0][0]
    requests = [EngineRequest(index, at - start, prompt, output) for index, (at, _, _, prompt, output) in enumerate(rows)]
    records = [
        RequestRecord(at - start, at - start, first - start, last - start, prompt, output, "recorded")
        for at, first, last, prompt, output in rows
    ]
    return requests, records


def _recorded(line: str, place: str) -> tuple[float, float, float, int, int]:
    try:
        row = json.loads(line)
        at, first, last = (float(row[name]) for name in ("queued_ts", "first_token_ts", "last_token_ts"))
        prompt, output = int(row["input_toks"]), int(row["output_toks"])
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CalibrationError(f"{place}: not a recorded request ({reason})") from error
    if not (math.isfinite(last) and at <= first <= last and prompt > 0 and output > 0):
        raise CalibrationError(f"{place}: a request has tokens in and out, and is queued before its first token and its last one")
    return at, first, last, prompt, output


def summary(records: Sequence[RequestRecord]) -> dict[str, float]:
    """Return mean, p50 and p99 of TTFT, TPOT and E2E in milliseconds, named like ``ttft mean``."""
    found: dict[str, float] = {}
    for name, values in (
        ("ttft", [record.ttft_ms for record in records if record.ttft_ms is not None]),
        ("tpot", [record.tpot_ms for record in records if record.tpot_ms is not None]),
        ("e2e", [record.e2e_ms for record in records]),
    ):
        points = quantiles(values)
        found |= {f"{name} mean": statistics.fmean(values), f"{name} p50": points.p50, f"{name} p99": points.p99}
    return found


def fit(setup: Setup, requests: Sequence[EngineRequest], measured: Sequence[RequestRecord], first: int | None = None) -> Fitted:
    """Return the coefficients with which the summary of the replay is nearest to that of ``measured``.

    ``first``: only so many of the requests are looked at, those that arrived first; the others are served, too. None: all.

    Gauss-Newton on the relative errors of all its figures, in the logarithms of both coefficients; steps that do not help are halved. A run
    that hardly tells the two apart would take one to an end of its range, so that the distance from where the fit begins counts as well,
    lightly: a factor of two as much as an error of 1.4 %.
    """
    wanted, best = summary(measured[:first]), Fitted()
    start = best

    def errors(fitted: Fitted) -> list[float]:
        got = summary(setup.replay(requests, fitted)[:first])
        apart = (fitted.step_s / start.step_s, fitted.mixed_keys / start.mixed_keys)
        return [*(got[name] / value - 1 for name, value in wanted.items()), *(_PULL * math.log(ratio) for ratio in apart)]

    now = errors(best)
    for _ in range(_ROUNDS):
        columns = [
            [(after - before) / _STEP for before, after in zip(now, errors(changed), strict=True)]
            for changed in (
                replace(best, step_s=best.step_s * (1 + _STEP)),
                replace(best, mixed_keys=best.mixed_keys * (1 + _STEP)),
            )
        ]
        move = _solve(columns, now)
        improved = False
        for share in (1.0, 0.5, 0.25, 0.125, 0.0625):
            step_by, keys_by = (math.exp(max(-0.7, min(0.7, share * part))) for part in move)
            tried = Fitted(best.step_s * step_by, max(1.0, best.mixed_keys * keys_by))
            found = errors(tried)
            if _squares(found) < _squares(now):
                best, now, improved = tried, found, True
                break
        if not improved:
            break
    return best


def _squares(values: Sequence[float]) -> float:
    return math.fsum(value * value for value in values)


def _solve(columns: Sequence[Sequence[float]], errors: Sequence[float]) -> tuple[float, float]:
    """Return the step that a linear model with these two columns takes against ``errors``, slightly damped."""
    (first, second) = columns
    damping = 1e-3 * max(_squares(first), _squares(second))
    a = _squares(first) + damping
    b = math.fsum(x * y for x, y in zip(first, second, strict=True))
    c = _squares(second) + damping
    p = -math.fsum(x * e for x, e in zip(first, errors, strict=True))
    q = -math.fsum(x * e for x, e in zip(second, errors, strict=True))
    determinant = a * c - b * b
    return (c * p - b * q) / determinant, (a * q - b * p) / determinant
