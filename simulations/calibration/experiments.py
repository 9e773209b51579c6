"""What is measured, and what each observation is made of.

Rule 1: an experiment isolates one cause: the length of a prompt, the number of sequences, the length of their contexts, gaps between
their slots. All are repeated in turns, so that a disturbance of some seconds cannot fall on one of them alone.
Rule 2: times between tokens are means over some steps, as the load test sees them, not medians: a load test pays for the odd slow step.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.calibration.client import ask
from simulations.errors import CalibrationError
from simulations.serving.micro_batches import Row

if TYPE_CHECKING:
    from workloads.engine.spec import EngineSpec

_PROMPTS: Final = (16, 40, 64, 128, 256, 512, 768)
_FEW_TOKENS: Final = 16
_LONG_CONTEXT: Final = 384
_LONG_CONTEXTS_SUM: Final = 1536
"""Tokens of prompts that are computed for one experiment with long contexts, so that many slots do not take long."""
_LONGEST_S: Final = 2.0
"""Seconds that the prompts of one experiment may take: on a slow engine they are shorter, though at least this many tokens:"""
_FEWEST_TOKENS: Final = 64
_STEPS: Final = 24
_STEPS_AFTER_PROMPT: Final = 8
_SETTLING: Final = 8
_IDLE_S: Final = 0.15
"""Prompts come to an engine that has been idle for a moment, as most do under a load that it can carry."""
_EVERY_BATCH_TO: Final = 8
"""Batches up to this size are all measured: their costs rise in steps. Above it every doubling."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """One prompt alone; observed are the engine's time from the start of its computation to the first token, and the steps after it."""

    tokens: int


@dataclass(frozen=True, slots=True)
class Decode:
    """``slots`` generate together after prompts of ``context`` tokens; observed is the mean time of a step once they have settled."""

    slots: tuple[int, ...]
    context: int


@dataclass(frozen=True, slots=True)
class EngineStep:
    """A step, or the mean of several: its time in seconds and the batch that it was spent on.

    ``prompt_s``: how long a prompt had been computed just before, and ``since``: how many micro-batches ago; None where it is long ago.
    """

    batch: tuple[Row, ...]
    seconds: float
    prompt_s: float | None = None
    since: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """What one run of an experiment saw; ``overhead_s`` is what the request took beside its steps, None if it is unknown."""

    steps: tuple[EngineStep, ...]
    overhead_s: float | None = None


def design(spec: EngineSpec, *, prompt_token_s: float) -> list[Prefill | Decode]:
    """Return the experiments for an engine started as ``spec`` says, of about ``prompt_token_s`` seconds a prompt token."""
    room = spec.context_tokens
    most = max(_FEWEST_TOKENS, int(_LONGEST_S / prompt_token_s))
    prompts = [tokens for tokens in _PROMPTS if tokens < min(room, most + 1)] or [max(1, room // 2)]
    few = min(_FEW_TOKENS, max(1, room // 4))
    sizes = [size for size in range(1, spec.slots + 1) if size <= _EVERY_BATCH_TO or size == spec.slots or not size & (size - 1)]
    experiments: list[Prefill | Decode] = [Decode(tuple(range(size)), few) for size in sizes]
    if spec.slots >= 3:
        experiments.append(Decode((0, 2), few))
    long = min(_LONG_CONTEXT, room // 2, min(_LONG_CONTEXTS_SUM, most) // spec.slots)
    if long > 2 * few:
        experiments += [Decode((0,), long), *([Decode(tuple(range(spec.slots)), long)] if spec.slots > 1 else [])]
    return experiments + [Prefill(tokens) for tokens in prompts]


async def observe(url: str, experiment: Prefill | Decode, spec: EngineSpec, repeat: int) -> Observation:
    """Do one experiment once.

    Raises:
        CalibrationError: the engine fails.
    """
    if isinstance(experiment, Prefill):
        return await _observe_prefill(url, experiment, spec, repeat)
    return await _observe_decode(url, experiment, spec, repeat)


async def _observe_prefill(url: str, experiment: Prefill, spec: EngineSpec, repeat: int) -> Observation:
    await asyncio.sleep(_IDLE_S)
    tokens = min(1 + _STEPS_AFTER_PROMPT, spec.context_tokens - experiment.tokens)
    answer = await ask(url, prompt_tokens=experiment.tokens, output_tokens=tokens, text_seed=repeat)
    prompt_s = answer.token_s[0] if answer.prompt_s is None else answer.prompt_s
    gaps = [later - earlier for earlier, later in itertools.pairwise(answer.token_s)]
    after = (EngineStep((Row(0, 1, experiment.tokens + n),), gap, prompt_s, n) for n, gap in enumerate(gaps))
    return Observation((EngineStep((Row(0, experiment.tokens, 0),), prompt_s), *after), max(0.0, answer.token_s[0] - prompt_s))


async def _observe_decode(url: str, experiment: Decode, spec: EngineSpec, repeat: int) -> Observation:
    """Read the time of steps while all slots generate: some steps after the latest first token, until the earliest last one."""
    # The first to get a slot generates while the others' prompts are computed: the steps they have in common come after that.
    tokens = min(_SETTLING + _STEPS + 4 * len(experiment.slots), spec.context_tokens - experiment.context)
    answers = await asyncio.gather(
        *(ask(url, prompt_tokens=experiment.context, output_tokens=tokens, slot=slot, text_seed=repeat + slot) for slot in experiment.slots)
    )
    last = max(answers, key=lambda a: a.sent_s + a.token_s[0])
    begin = last.sent_s + last.token_s[min(_SETTLING, len(last.token_s) - 2)]
    end = min(a.sent_s + a.token_s[-1] for a in answers)
    means: list[float] = []
    rows = []
    for slot, answer in zip(experiment.slots, answers, strict=True):
        inside = [n for n, t in enumerate(answer.token_s) if begin <= answer.sent_s + t <= end]
        if len(inside) < 2:
            raise CalibrationError(
                f"calibration: {len(answers)} requests sent at once had no steps in common; is the engine busy with others?"
            )
        means.append((answer.token_s[inside[-1]] - answer.token_s[inside[0]]) / (len(inside) - 1))
        rows.append(Row(slot, 1, experiment.context + (inside[0] + inside[-1]) // 2))
    return Observation((EngineStep(tuple(rows), statistics.fmean(means)),))
