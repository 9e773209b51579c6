"""The calibration experiments and the parts of each observation.

Rule 1: an experiment isolates one cause: the length of a prompt, the number of sequences, the length of their contexts, gaps between
their slots. They are repeated in rounds, so that a disturbance of a few seconds does not hit only one of them.
Rule 2: times between tokens are means over several steps, not medians, because a load test also sees the occasional slow step.
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
"""Upper bound on the prompt tokens of one long-context experiment, so that many slots do not take long."""
_LONGEST_S: Final = 2.0
"""Seconds that the prompts of one experiment may take. A slow engine gets shorter prompts, but at least this many tokens:"""
_FEWEST_TOKENS: Final = 64
_STEPS: Final = 24
_STEPS_AFTER_PROMPT: Final = 8
_SETTLING: Final = 8
_IDLE_S: Final = 0.15
"""Idle time before each prompt: under a sustainable load most prompts also reach an idle engine."""
_EVERY_BATCH_TO: Final = 8
"""Every batch size up to this one is measured, because costs rise in steps. Above it, each doubling is."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """One prompt alone. Observes the engine's time from the start of prompt processing to the first token, and the steps after it."""

    tokens: int


@dataclass(frozen=True, slots=True)
class Decode:
    """``slots`` generate together after prompts of ``context`` tokens. Observes the mean step time once they have settled."""

    slots: tuple[int, ...]
    context: int


@dataclass(frozen=True, slots=True)
class EngineStep:
    """A step, or the mean of several: its time in seconds and its batch.

    ``prompt_s`` is how long a prompt was processed just before it, and ``since`` how many micro-batches ago; None if that is long ago.
    """

    batch: tuple[Row, ...]
    seconds: float
    prompt_s: float | None = None
    since: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of one experiment run; ``overhead_s`` is the request's time outside its steps, None if unknown."""

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
    """Run one experiment once.

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
    """Measure the steps during which all slots generate: from a few steps after the latest first token to the earliest last token."""
    # The first request generates while the others' prompts are still processed, so the shared steps come after that.
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
