"""Measures what the single experiments cannot: requests that arrive while others are served, and the rest of the machine.

Some requests of many lengths keep the engine about half busy. How much slower it is then than the sum of what was measured alone are two
numbers, one for prompts and one for generating; they are the only coefficients that are fitted to a load.
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
from simulations.serving import EngineRequest, StepTimes, serve_alone
from simulations.serving.micro_batches import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foundation.measures.outcome import RequestRecord
    from simulations.calibration.client import Answer
    from simulations.calibration.coefficients import Calibration

FEWEST_REQUESTS: Final = 20
_SECONDS: Final = 20.0
"""Ten leave some fifty requests, from which the ratio for generating came out a tenth up or down by chance; two such loads are sent."""
_BUSY_SHARE: Final = 0.5
_PROMPTS: Final = (8, 128)
_OUTPUTS: Final = (4, 96)
"""Short ones, so that many fit into the time and what each request costs by itself has its weight."""
_RATIOS: Final = tuple(0.7 + n / 20 for n in range(37))
_STEPS: Final = (0.04, 0.02, 0.01)
_SHORTEST_S: Final = 1e-3
"""Tokens that are read at once seem to take no time between them."""


def mixed_load(alone: Calibration, seed: int) -> list[EngineRequest]:
    """Return Poisson arrivals that keep an engine as fast as ``alone`` says half busy; few where it takes long for a request."""
    dice = Random(seed)  # noqa: S311  # the same load for the same seed
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


def fit_load(alone: Calibration, requests: Sequence[EngineRequest], answers: Sequence[Answer]) -> tuple[Coefficient, Coefficient, Fit]:
    """Return the ratios for prompts and for generating that bring predicted times nearest to the measured ones, and how near.

    Nearest is the smallest mean of squared logarithms of the ratios of the times to the first token and from there to the last: moments
    in which the machine is slow count as much as they last, because a load test has them too. Absolute logarithms pass over them, and
    predictions came out a twentieth too fast.
    """
    measured = [(answer.token_s[0], answer.token_s[-1] - answer.token_s[0]) for answer in answers]

    def errors(prefill: float, decode: float) -> list[float]:
        records = serve_alone(_loaded(alone, prefill, decode), requests)
        return [
            abs(math.log(max(predicted, _SHORTEST_S) / max(seen, _SHORTEST_S)))
            for record, pair in zip(records, measured, strict=True)
            for predicted, seen in zip(_times(record), pair, strict=True)
        ]

    prefill, decode = _search(lambda prefill, decode: statistics.fmean(error**2 for error in errors(prefill, decode)))
    left = errors(prefill, decode)
    source = f"{len(requests)} requests of a mixed load in {_SECONDS:g} s against what the experiments give for them"
    fit = Fit(math.expm1(statistics.median(left)), math.expm1(max(left)), len(requests))
    return (
        Coefficient(prefill, "ratio", "measured", source, len(requests)),
        Coefficient(decode, "ratio", "measured", source, len(requests)),
        fit,
    )


def _search(error: Callable[[float, float], float]) -> tuple[float, float]:
    """Return the pair with the smallest error, to the hundredth: of the best equal pair, the neighbours in ever smaller steps.

    Pattern search (Hooke and Jeeves 1961) with diagonal steps too, because what one ratio takes the other can give.
    """
    best = min(((ratio, ratio) for ratio in _RATIOS), key=lambda pair: error(*pair))
    least = error(*best)
    for step in _STEPS:
        moved = True
        while moved:
            around = [(best[0] + x * step, best[1] + y * step) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)]
            near = min((pair for pair in around if min(pair) > 0), key=lambda pair: error(*pair))
            moved = error(*near) < least
            if moved:
                best, least = near, error(*near)
    return round(best[0], 2), round(best[1], 2)


def _loaded(alone: Calibration, prefill: float, decode: float) -> Calibration:
    return replace(
        alone,
        prefill_under_load=replace(alone.prefill_under_load, value=prefill),
        decode_under_load=replace(alone.decode_under_load, value=decode),
    )


def _times(record: RequestRecord) -> tuple[float, float]:
    """Seconds to the first token, and from there to the last."""
    first_s = (record.first_token_s or 0.0) - record.intended_s
    return first_s, record.e2e_ms / 1e3 - first_s
