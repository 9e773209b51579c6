"""The calibration run: 20 seconds of experiments and 20 seconds of mixed load on one engine; after a load test the mixed load again.

The speed of a shared machine changes by tens of percent within a minute. A calibration made only before the load test would blame that on
the model, so the engine is measured before and after it.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import platform
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import RequestRecord
from foundation.processes.interrupts import run_coroutine
from simulations.calibration.client import ask
from simulations.calibration.coefficients import Calibration, Machine
from simulations.calibration.experiments import design, observe
from simulations.calibration.fitting import MICRO_BATCH_TOKENS, fit_requests, fit_steps
from simulations.calibration.mixed_load import FEWEST_REQUESTS, fit_load, mixed_load, send
from simulations.calibration.yardstick import Lap
from simulations.provenance import Coefficient
from simulations.serving import serve_alone

if TYPE_CHECKING:
    from simulations.calibration.experiments import Observation
    from workloads.engine.spec import EngineSpec

_FEWEST_ROUNDS: Final = 3
_MOST_ROUNDS: Final = 9
_SLOW: Final = 1.5
_WARM_UP_TOKENS: Final = 16
_UNKNOWN: Final = Coefficient(1.0, "ratio", "assumed", "too few requests for a mixed load")
_SEED_BEFORE: Final = 11
_SEED_AFTER: Final = 12
_SEED_UNSEEN: Final = 13

Laps = Callable[[], AbstractContextManager[Lap]]
"""Begins a lap of a yardstick of the machine's speed."""


def _no_yardstick() -> AbstractContextManager[Lap]:
    """Begin a lap without a yardstick; it has no result."""
    return nullcontext(Lap())


def calibrate(
    url: str,
    spec: EngineSpec,
    *,
    date: str | None = None,
    budget_s: float = 20.0,
    on_progress: Callable[[int, int, str], None] | None = None,
    lap: Laps = _no_yardstick,
) -> Calibration:
    """Measure the engine at ``url`` and return its coefficients. It should be idle otherwise.

    Args:
        url: Of the engine, ``http://host:port``.
        spec: How it was started.
        date: Stored with the result; default: today.
        budget_s: Time budget in seconds for the experiments: no round starts that would end later. One round always runs, and three run if
            they take at most 1.5 times the budget. The mixed load takes another twenty seconds.
        on_progress: Called with (done, expected, what) after each experiment.
        lap: Begins a lap of the yardstick that runs on the engine's cores.

    Raises:
        CalibrationError: the engine is unreachable, rejects a request, breaks off, or takes more than a minute for a response.
    """
    progress = on_progress or (lambda _done, _total, _what: None)
    observations = run_coroutine(_measure(url, spec, budget_s, progress))
    source = f"{len(observations)} experiments against the engine itself, the fastest of {len(observations[0])} repeats each"
    costs = fit_steps(observations, source)
    request_s, request_token_s = fit_requests(observations, source)
    alone = Calibration(
        name="this machine",
        date=date or dt.datetime.now(tz=dt.UTC).date().isoformat(),
        spec=spec,
        machine=this_machine(),
        split_s=costs.split_s,
        compute_s=costs.compute_s,
        decode_context_s=costs.decode_context_s,
        prefill_context_s=costs.prefill_context_s,
        cold_s=costs.cold_s,
        cold_left=costs.cold_left,
        cold_after_s=costs.cold_after_s,
        prefill_under_load=_UNKNOWN,
        decode_under_load=_UNKNOWN,
        request_s=request_s,
        request_token_s=request_token_s,
        micro_batch_tokens=MICRO_BATCH_TOKENS,
        fit=costs.fit,
    )
    return _under_load(url, alone, _SEED_BEFORE, progress, lap)


def calibrate_again(
    url: str, before: Calibration, *, on_progress: Callable[[int, int, str], None] | None = None, lap: Laps = _no_yardstick
) -> Calibration:
    """Repeat the mixed load after a load test and return coefficients half-way between before and after.

    The results of the experiments are kept, because a slower machine affects all of them alike. :attr:`Calibration.drift` says by how much.
    An engine that is too slow for a mixed load is not measured again, and ``before`` is returned. ``load_fit`` is the worse of the two.

    Args:
        url: Of the engine, ``http://host:port``.
        before: The result of :func:`calibrate` for this engine.
        on_progress: See :func:`calibrate`.
        lap: See :func:`calibrate`.

    Raises:
        CalibrationError: the engine is unreachable, rejects a request, breaks off, or takes more than a minute for a response.
    """
    if before.load_fit is None:
        return before
    alone = replace(before, prefill_under_load=_UNKNOWN, decode_under_load=_UNKNOWN, load_fit=None)
    after = _under_load(url, alone, _SEED_AFTER, on_progress or (lambda _done, _total, _what: None), lap)
    if after.load_fit is None:
        return before
    prefill = _between(before.prefill_under_load, after.prefill_under_load)
    decode = _between(before.decode_under_load, after.decode_under_load)
    # The product of the two half-way changes is the geometric mean of the full changes of prompts and generating.
    slower = (prefill.value / before.prefill_under_load.value) * (decode.value / before.decode_under_load.value)
    worse = max(before.load_fit, after.load_fit, key=lambda fit: fit.median_error)
    yardstick_s = math.sqrt(before.yardstick_s * after.yardstick_s) if before.yardstick_s and after.yardstick_s else None
    return replace(before, prefill_under_load=prefill, decode_under_load=decode, load_fit=worse, drift=slower - 1, yardstick_s=yardstick_s)


def unseen_load(
    url: str, calibration: Calibration, *, on_progress: Callable[[int, int, str], None] | None = None
) -> tuple[list[RequestRecord], list[RequestRecord]]:
    """Send a mixed load that nothing was fitted to; return its requests as predicted and as measured, none where it would be too small.

    Raises:
        CalibrationError: as for :func:`calibrate`.
    """
    requests = mixed_load(calibration, _SEED_UNSEEN)
    if len(requests) < FEWEST_REQUESTS:
        return [], []
    answers = run_coroutine(send(url, requests, on_progress or (lambda _done, _total, _what: None)))
    measured = [
        RequestRecord(
            at_s := request.at_s,
            at_s,
            at_s + answer.token_s[0],
            at_s + answer.token_s[-1],
            request.prompt_tokens,
            request.output_tokens,
            "measured",
        )
        for request, answer in zip(requests, answers, strict=True)
    ]
    return serve_alone(calibration, requests), measured


def _under_load(url: str, alone: Calibration, seed: int, on_progress: Callable[[int, int, str], None], lap: Laps) -> Calibration:
    requests = mixed_load(alone, seed)
    if len(requests) < FEWEST_REQUESTS:
        return alone
    with lap() as held:
        answers = run_coroutine(send(url, requests, on_progress))
    prefill, decode, load_fit = fit_load(alone, requests, answers)
    return replace(alone, prefill_under_load=prefill, decode_under_load=decode, load_fit=load_fit, yardstick_s=held.mean_s)


def _between(before: Coefficient, after: Coefficient) -> Coefficient:
    source = f"geometric mean of {before.value:g} before and {after.value:g} after the load test: {before.source}"
    return replace(before, value=math.sqrt(before.value * after.value), n=before.n + after.n, source=source)


async def _measure(url: str, spec: EngineSpec, budget_s: float, on_progress: Callable[[int, int, str], None]) -> list[list[Observation]]:
    tokens = max(1, min(_WARM_UP_TOKENS, spec.context_tokens // 2))
    for repeat in range(3):
        warm = await ask(url, prompt_tokens=tokens, output_tokens=1, text_seed=repeat)
    experiments = design(spec, prompt_token_s=warm.token_s[0] / tokens)
    observations: list[list[Observation]] = [[] for _ in experiments]
    begin = time.monotonic()
    rounds = _FEWEST_ROUNDS
    done = 0
    for repeat in range(_MOST_ROUNDS):
        spent_s = time.monotonic() - begin
        if spent_s * (repeat + 1) / max(repeat, 1) > (budget_s if repeat >= _FEWEST_ROUNDS else _SLOW * budget_s):
            break
        if repeat:
            rounds = max(rounds, repeat + 1, min(_MOST_ROUNDS, int(budget_s * repeat / spent_s)))
        for experiment, group in zip(experiments, observations, strict=True):
            group.append(await observe(url, experiment, spec, repeat))
            done += 1
            on_progress(done, max(done, rounds * len(experiments)), "experiments")
    return observations


def this_machine() -> Machine:
    """Return the processor's model and the number of cores; nothing that identifies the machine."""
    processor = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return Machine(next(named, processor or platform.machine()), os.cpu_count() or 1)
