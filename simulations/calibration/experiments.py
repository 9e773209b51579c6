"""What is measured, and what each observation is made of.

Rule 1: an experiment isolates one cause: the length of a prompt, the number of sequences, the length of their contexts, gaps between
their slots. All are repeated in turns, so that a disturbance of some seconds cannot fall on one of them alone.
Rule 2: an observation is a median, and its row says how often each coefficient occurs in it.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.calibration.client import ask
from simulations.serving.micro_batches import Row

if TYPE_CHECKING:
    from workloads.engine.spec import EngineSpec

_PROMPTS: Final = (16, 40, 64, 96, 160, 256, 384, 512, 768)
_FEW_TOKENS: Final = 16
_LONG_CONTEXT: Final = 384
_STEPS: Final = 24
_EVERY_BATCH_TO: Final = 8
"""Batches up to this size are all measured: their costs rise in steps. Above it every doubling."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """One prompt alone; observed is the engine's time from the start of its computation to the first token."""

    tokens: int


@dataclass(frozen=True, slots=True)
class Decode:
    """``slots`` generate together after prompts of ``context`` tokens; observed is the time between two tokens."""

    slots: tuple[int, ...]
    context: int


@dataclass(frozen=True, slots=True)
class Observation:
    """A time in seconds and the batch that it was spent on; ``overhead_s`` is what a prompt's request took besides."""

    batch: tuple[Row, ...]
    seconds: float
    overhead_s: float | None = None


def design(spec: EngineSpec) -> list[Prefill | Decode]:
    """Return the experiments for an engine started as ``spec`` says, cheapest first."""
    room = spec.context_tokens
    prompts = [tokens for tokens in _PROMPTS if tokens < room] or [max(1, room // 2)]
    few = min(_FEW_TOKENS, max(1, room // 4))
    sizes = [size for size in range(1, spec.slots + 1) if size <= _EVERY_BATCH_TO or size == spec.slots or not size & (size - 1)]
    experiments: list[Prefill | Decode] = [Decode(tuple(range(size)), few) for size in sizes]
    if spec.slots >= 3:
        experiments.append(Decode((0, 2), few))
    long = min(_LONG_CONTEXT, room // 2)
    if long > 2 * few:
        experiments += [Decode((0,), long), *([Decode(tuple(range(spec.slots)), long)] if spec.slots > 1 else [])]
    return experiments + [Prefill(tokens) for tokens in prompts]


async def observe(url: str, experiment: Prefill | Decode, spec: EngineSpec, repeat: int) -> Observation:
    """Do one experiment once.

    Raises:
        CalibrationError: the engine fails.
    """
    if isinstance(experiment, Prefill):
        answer = await ask(url, prompt_tokens=experiment.tokens, output_tokens=1, text_seed=repeat)
        inside = answer.prompt_s if answer.prompt_s is not None else answer.token_s[0]
        return Observation((Row(0, experiment.tokens, 0),), inside, max(0.0, answer.token_s[0] - inside))
    return await _observe_decode(url, experiment, spec, repeat)


async def _observe_decode(url: str, experiment: Decode, spec: EngineSpec, repeat: int) -> Observation:
    """Read the times between tokens while all slots generate: from the latest first token to the earliest last one."""
    # The first to get a slot generate while the others' prompts are computed: the steps they have in common come after that.
    tokens = min(_STEPS + 4 * len(experiment.slots), spec.context_tokens - experiment.context)
    answers = await asyncio.gather(
        *(ask(url, prompt_tokens=experiment.context, output_tokens=tokens, slot=slot, text_seed=repeat + slot) for slot in experiment.slots)
    )
    begin = max(a.sent_s + a.token_s[0] for a in answers)
    end = min(a.sent_s + a.token_s[-1] for a in answers)
    gaps: list[float] = []
    rows = []
    for slot, answer in zip(experiment.slots, answers, strict=True):
        inside = [n for n, t in enumerate(answer.token_s) if begin <= answer.sent_s + t <= end]
        gaps += [answer.token_s[n] - answer.token_s[n - 1] for n in inside[1:]]
        rows.append(Row(slot, 1, experiment.context + (inside[0] + inside[-1]) // 2))
    return Observation(tuple(rows), statistics.median(gaps))
