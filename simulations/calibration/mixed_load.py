"""What the experiments cannot see: requests that come in the middle of others, and the rest of the machine.

Ten seconds of requests of many lengths keep the engine about half busy. How much slower it is then than the sum of what was measured
alone is one number, ``under_load``; it is the only coefficient that is fitted to a load.
"""

from __future__ import annotations

import asyncio
import math
import statistics
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from simulations.calibration.client import ask
from simulations.calibration.coefficients import Coefficient, Fit
from simulations.serving import Engine, EngineRequest, StepTimes
from simulations.serving.micro_batches import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulations.calibration.client import Answer
    from simulations.calibration.coefficients import Calibration
    from workloads.telemetry.outcome import RequestRecord

FEWEST_REQUESTS: Final = 20
_SECONDS: Final = 10.0
_BUSY_SHARE: Final = 0.5
_PROMPTS: Final = (16, 256)
_OUTPUTS: Final = (4, 48)
_SEED: Final = 11
_RATIOS: Final = tuple(0.7 + n / 100 for n in range(181))


def mixed_load(alone: Calibration) -> list[EngineRequest]:
    """Return Poisson arrivals that keep an engine as fast as ``alone`` says half busy; few where it takes long for a request."""
    dice = Random(_SEED)  # noqa: S311  # the same load in each calibration
    times = StepTimes(alone)
    room = alone.spec.context_tokens
    lengths = [(min(dice.randint(*_PROMPTS), room // 2), min(dice.randint(*_OUTPUTS), room // 2)) for _ in range(1000)]
    service_s = statistics.fmean(_alone_s(times, prompt, output) for prompt, output in lengths)
    requests: list[EngineRequest] = []
    now = 0.0
    for index, (prompt, output) in enumerate(lengths):
        now += dice.expovariate(_BUSY_SHARE / service_s)
        if now > _SECONDS:
            break
        requests.append(EngineRequest(index, now, max(1, prompt), max(1, output)))
    return requests


def _alone_s(times: StepTimes, prompt: int, output: int) -> float:
    first, coldness = times.step([Row(0, max(1, prompt), 0)], 0.0)
    return first + times.generation((0,), prompt, coldness).seconds(max(0, output - 1))


async def send(url: str, requests: Sequence[EngineRequest], on_progress: Callable[[int, int, str], None]) -> list[Answer]:
    """Send each request at its time; their answers, with times counted from the intended one.

    Raises:
        CalibrationError: the engine fails.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    done = 0

    async def one(request: EngineRequest) -> Answer:
        nonlocal done
        await asyncio.sleep(start + request.at_s - loop.time())
        late = loop.time() - start - request.at_s
        answer = await ask(url, prompt_tokens=request.prompt_tokens, output_tokens=request.output_tokens, text_seed=request.index)
        answer.token_s = [late + token for token in answer.token_s]
        done += 1
        on_progress(done, len(requests), "requests of a mixed load")
        return answer

    return await asyncio.gather(*map(one, requests))


def fit_load(alone: Calibration, requests: Sequence[EngineRequest], answers: Sequence[Answer]) -> tuple[Coefficient, Fit]:
    """Return the ratio that brings predicted first tokens and ends of answers nearest to the measured ones, and how near.

    Nearest is the smallest mean of absolute logarithms of the ratios, which a few disturbed requests do not move.
    """
    measured = [(answer.token_s[0], answer.token_s[-1]) for answer in answers]

    def errors(ratio: float) -> list[float]:
        records = _predict(replace(alone, under_load=replace(alone.under_load, value=ratio)), requests)
        return [
            abs(math.log(predicted / seen))
            for record, pair in zip(records, measured, strict=True)
            for predicted, seen in zip(((record.first_token_s or 0.0) - record.intended_s, record.e2e_ms / 1e3), pair, strict=True)
        ]

    best = min(_RATIOS, key=lambda ratio: statistics.fmean(errors(ratio)))
    left = errors(best)
    source = f"{len(requests)} requests of a mixed load in {_SECONDS:g} s against what the experiments give for them"
    fit = Fit(math.expm1(statistics.median(left)), math.expm1(max(left)), len(requests))
    return Coefficient(best, "ratio", "measured", source, len(requests)), fit


def _predict(calibration: Calibration, requests: Sequence[EngineRequest]) -> list[RequestRecord]:
    records: dict[int, RequestRecord] = {}

    def keep(request: EngineRequest, record: RequestRecord) -> None:
        records[request.index] = record

    engine = Engine("calibrated", calibration.spec, StepTimes(calibration), on_end=keep)
    for request in requests:
        engine.advance(request.at_s)
        engine.offer(request)
    engine.advance(math.inf)
    return [records[request.index] for request in requests]
