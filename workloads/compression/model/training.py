"""One loop for every training here: from scratch, after pruning, from a teacher, of adapters.

Rule 1: step n of a run depends only on the state before it and on n: its batch is drawn from a generator seeded by (seed, n). A resumed run
is therefore equal to an uninterrupted one, bit for bit (on one thread).
Rule 2: a loss that is not finite, or is four times the first one, ends the run (``DivergedError``). Checkpoints are written only after a
step with a sound loss, so the last one is good.
Rule 3: SIGTERM is answered after the current step with a checkpoint.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from foundation.training import Checkpoint, StopRequest, Times, load_checkpoint, restoring, save_checkpoint
from foundation.training.optimiser_state import optimiser_arrays, restore_optimiser
from workloads.compression.errors import DivergedError

Loss = Callable[[Tensor], Tensor]
"""Mean loss in nats of a batch of tokens (sequences, positions + 1)."""
_EXPLODED: Final = 4.0
_WARM_UP_STEPS: Final = 40


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: AdamW, linear warm-up, then a cosine down to a tenth (Loshchilov and Hutter 2017, 2019)."""

    steps: int
    learning_rate: float = 3e-3
    sequences: int = 16
    positions: int = 128
    weight_decay: float = 0.1
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of ``step``."""
        warm = min(1.0, (step + 1) / min(_WARM_UP_STEPS, self.steps))
        return self.learning_rate * warm * (0.55 + 0.45 * math.cos(math.pi * step / self.steps))


class Stopped(Exception):  # noqa: N818  # no error: somebody asked for it
    """The run was asked to stop, and has written its checkpoint."""


@dataclass(frozen=True)
class Keeping:
    """Where and how often a run writes its state, and where its time went; ``kind`` tells it from other runs."""

    path: Path
    kind: str
    every_steps: int = 100
    times: Times = field(default_factory=Times)


def train(
    parameters: Mapping[str, Tensor],
    loss_of: Loss,
    text: Tensor,
    schedule: Schedule,
    *,
    keeping: Keeping | None = None,
    stop: StopRequest | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> list[tuple[float, float]]:
    """Train ``parameters`` in place and return the curve: (step, loss in bits per byte), every tenth step and the last.

    Args:
        parameters: tensors by name that ``loss_of`` reads.
        loss_of: the loss of a batch.
        text: tokens to draw windows from.
        schedule: steps, rates, seed.
        keeping: checkpoints; an existing one is resumed.
        stop: asked after each step.
        on_step: gets the step and its loss in bits per byte.

    Raises:
        DivergedError: the loss exploded.
        Stopped: ``stop`` was requested.
        CheckpointError: a checkpoint cannot be written, or is of another run.
    """
    for parameter in parameters.values():
        parameter.requires_grad_()
    optimiser = torch.optim.AdamW(
        list(parameters.values()), lr=schedule.learning_rate, betas=(0.9, 0.95), weight_decay=schedule.weight_decay
    )
    curve: list[tuple[float, float]] = []
    recipe = asdict(schedule) | {"text": hashlib.sha256(text.numpy().tobytes()).hexdigest()}
    first, begun, ended = math.nan, 0, begun_text(keeping)
    if keeping is not None and keeping.path.exists():
        begun, first, curve = _restore(keeping, parameters, optimiser, recipe)
    for step in range(begun, schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        loss = loss_of(batch(text, schedule, step))
        bits = float(loss.detach()) / math.log(2)
        first = bits if math.isnan(first) else first
        if not bits <= _EXPLODED * first:
            raise DivergedError(
                f"step {step}: the loss is {bits:.3g} bits per byte, {first:.3g} at the beginning; {ended}; lower the learning rate"
            )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimiser.step()
        done = step + 1
        if step % 10 == 0 or done == schedule.steps:
            curve.append((step, bits))
        if on_step is not None:
            on_step(done, bits)
        stopping = stop is not None and stop.requested and done < schedule.steps
        if keeping is not None and (done % keeping.every_steps == 0 or done == schedule.steps or stopping):
            with keeping.times.saving():
                facts = {"step": done, "first": first, "curve": curve, "times": keeping.times.said()}
                _save(keeping, parameters, optimiser, recipe, facts)
            ended = f"the checkpoint of step {done} is kept in {keeping.path}"
        if stopping:
            raise Stopped(f"stopped after step {done} of {schedule.steps}; {ended}")
    for parameter in parameters.values():
        parameter.requires_grad_(requires_grad=False)
    return curve


def begun_text(keeping: Keeping | None) -> str:
    """Return what a run that fails before its first checkpoint leaves behind."""
    return f"the checkpoint in {keeping.path} is kept" if keeping is not None and keeping.path.exists() else "no checkpoint was written yet"


def batch(text: Tensor, schedule: Schedule, step: int) -> Tensor:
    """Return the windows of ``step``: (sequences, positions + 1)."""
    random = np.random.default_rng((schedule.seed, step))
    starts = random.integers(0, len(text) - schedule.positions, schedule.sequences)
    return torch.stack([text[start : start + schedule.positions + 1] for start in starts])


def next_byte_loss(scores: Tensor, windows: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats of ``scores`` (sequences, positions, 288) against the next bytes of ``windows``."""
    return functional.cross_entropy(scores.flatten(0, 1), windows[:, 1:].flatten())


def _save(
    keeping: Keeping,
    parameters: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    recipe: Mapping[str, object],
    facts: Mapping[str, object],
) -> None:
    arrays = {f"weights/{name}": value.detach().numpy() for name, value in parameters.items()} | optimiser_arrays(optimiser)
    save_checkpoint(keeping.path, Checkpoint(keeping.kind, recipe, facts, arrays))


def _restore(
    keeping: Keeping, parameters: Mapping[str, Tensor], optimiser: torch.optim.Optimizer, recipe: Mapping[str, object]
) -> tuple[int, float, list[tuple[float, float]]]:
    found = load_checkpoint(keeping.path, keeping.kind, recipe)
    with restoring(keeping.path):
        with torch.no_grad():
            for name, value in parameters.items():
                value.copy_(torch.from_numpy(found.arrays[f"weights/{name}"]))
        restore_optimiser(optimiser, found.arrays)
        keeping.times.restore(found.facts["times"])
        return found.facts["step"], found.facts["first"], [(step, bits) for step, bits in found.facts["curve"]]
