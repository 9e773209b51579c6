"""Measures what isolated experiments cannot: requests that arrive while others are served, and other activity on the machine.

Requests of many lengths keep the engine about half busy. Two ratios, one for prompts and one for generating, say how much slower it is then
than the isolated experiments add up to. They are the only coefficients fitted to a load.
"""

from __future__ import annotations

import asyncio
import math
import statistics
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from simulations.calibration.client import ask
from simulations.calibration.coefficients import Fit
from simulations.provenance import Coefficient
from simulations.serving import EngineRequest, StepTimes, serve_alone
from simulations.serving.micro_batches import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foundation.measures.outcome import RequestRecord
    from simulations.calibration.client import Answer
    from simulations.calibration.coefficients import Calibration

FEWEST_REQUESTS: Final = 20
_SECONDS: Final = 20.0
"""Ten seconds give about fifty requests, from which the ratio for generating varied by 10 %; so two such loads are sent."""
_BUSY_SHARE: Final = 0.5
_PROMPTS: Final = (8, 128)
_OUTPUTS: Final = (4, 96)
"""Short, so that many requests fit into the time and the overhead per request carries weight."""
_RATIOS: Final = tuple(0.7 + n / 20 for n in range(37))
_STEPS: Final = (0.04, 0.02, 0.01)
_SHORTEST_S: Final = 1e-3
"""Tokens that arrive in one read have no gap between them."""


def mixed_load(alone: Calibration, seed: int) -> list[EngineRequest]:
    """Return Poisson arrivals that keep an engine with the coefficients ``alone`` half busy; few if a request takes long."""
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
    """Send each request at its intended time and return the answers, with times measured from the intended start.

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
    """Return the ratios for prompts and for generating that minimise the prediction error, and the remaining fit.

    The error is the mean squared log ratio of predicted to measured time, for the time to the first token and from there to the last.
    Squares, because slow moments of the machine must count: a load test has them too. With absolute logarithms, predictions were 5 % too
    fast.
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
    """Return the pair of ratios with the smallest error, to 0.01: start at the best equal pair, then try neighbours in ever smaller steps.

    Pattern search (Hooke and Jeeves 1961) with diagonal steps, because one ratio can compensate for the other.
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
