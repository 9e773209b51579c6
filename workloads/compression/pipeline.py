"""Stages of compression in an order, each measured as a file.

Rule 1: after every stage the model is a GGUF file, and its loss is that of the file: weights are read back before they are scored.
Rule 2: where ``quantise`` comes first, later stages work on rounded weights and are rounded again; this is what the order means, and why it
is the worse one. Where it comes last, everything before it is exact.
Rule 3: the teacher of ``distil`` and the baseline of every ratio is the original F32 file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from foundation.training import StopRequest
from foundation.training.phases import Phase
from workloads.compression.methods.distillation import distillation_loss
from workloads.compression.methods.lora import attach, merged
from workloads.compression.methods.pruning import prune
from workloads.compression.model.evaluation import bits_per_byte
from workloads.compression.model.gguf_file import read_gguf, write_gguf
from workloads.compression.model.text import Text
from workloads.compression.model.training import Keeping, Schedule, next_byte_loss, train
from workloads.compression.model.transformer import Shape, Weights, logits

ORDERS: Final = {"asked": ("quantise", "prune", "distil", "lora"), "sensible": ("prune", "distil", "lora", "quantise")}
ORIGINAL: Final = "original"


@dataclass(frozen=True)
class Settings:
    """How each stage works; steps are of 16 windows of 128 bytes."""

    blocks: str = "Q8_0"
    prune_ratio: float = 0.3
    distil_steps: int = 200
    temperature: float = 2.0
    alpha: float = 0.5
    lora_steps: int = 60
    lora_rank: int = 8
    seed: int = 0


@dataclass(frozen=True)
class Stage:
    """The model after a stage: its file, its size, and its loss on text that it has not seen."""

    name: str
    path: Path
    blocks: str
    size_bytes: int
    bits_per_byte: float
    weights_left: int

    def ratio_to(self, original: Stage) -> float:
        """Return how many times smaller the file is than the original's."""
        return original.size_bytes / self.size_bytes

    def loss_over(self, original: Stage) -> float:
        """Return the relative increase of bits per byte; below 0 where it became better."""
        return self.bits_per_byte / original.bits_per_byte - 1


@dataclass(frozen=True)
class _Model:
    weights: Weights
    shape: Shape
    blocks: str = "F32"


class Pipeline:
    """The stages of one original model.

    Args:
        original: its F32 file.
        text: to train and to judge on.
        folder: for the files and checkpoints.
        settings: of the stages.
        stop: asked between steps.
        on_step: gets the stage, the step and the loss in bits per byte.
        on_stage: gets each stage once it is measured, and the original.

    Raises:
        CompressionError: the original cannot be read.
    """

    def __init__(
        self,
        original: Path,
        text: Text,
        folder: Path,
        settings: Settings | None = None,
        *,
        stop: StopRequest | None = None,
        on_step: Callable[[str, int, float], None] | None = None,
        on_stage: Callable[[Stage, Stage], None] = lambda _stage, _original: None,
    ) -> None:
        self._settings, self._text, self._folder = settings or Settings(), text, folder
        self._stop, self._on_step, self._on_stage = stop, on_step, on_stage
        self.phases: list[Phase] = []
        """What has been done so far, with its times."""
        self._teacher = _Model(*read_gguf(original))
        folder.mkdir(parents=True, exist_ok=True)
        self.original = self._measured(ORIGINAL, original, self._teacher)

    def run(self, order: str) -> list[Stage]:
        """Run the stages of ``order`` and return them; raises like ``train``."""
        model, stages = self._teacher, []
        for number, name in enumerate(ORDERS[order], start=1):
            model = self._after(name, model, f"{order}-{number}-{name}")
            path = self._folder / f"{order}-{number}-{name}.gguf"
            write_gguf(path, model.weights, model.shape, model.blocks)
            model = replace(model, weights=read_gguf(path)[0])
            stages.append(self._measured(f"{order} {number} {name}", path, model))
            self._on_stage(stages[-1], self.original)
        return stages

    def quantised(self, blocks: str) -> Stage:
        """Return the original in ``blocks``, without any other stage."""
        path = self._folder / f"original-{blocks}.gguf"
        write_gguf(path, self._teacher.weights, self._teacher.shape, blocks)
        stage = self._measured(f"{blocks} alone", path, replace(self._teacher, weights=read_gguf(path)[0], blocks=blocks))
        self._on_stage(stage, self.original)
        return stage

    def _measured(self, name: str, path: Path, model: _Model) -> Stage:
        begun_s = time.monotonic()
        loss = bits_per_byte(model.weights, model.shape, self._text.held_out)
        self.phases.append(Phase(name, judging_s=time.monotonic() - begun_s))
        count = sum(value.numel() for value in model.weights.values())
        return Stage(name, path, model.blocks, path.stat().st_size, loss, count)

    def _after(self, stage: str, model: _Model, name: str) -> _Model:
        if stage == "quantise":
            return replace(model, blocks=self._settings.blocks)
        if stage == "prune":
            return _Model(*prune(model.weights, model.shape, self._settings.prune_ratio), model.blocks)
        return self._distilled(model, name) if stage == "distil" else self._adapted(model, name)

    def _distilled(self, model: _Model, name: str) -> _Model:
        chosen, teacher = self._settings, self._teacher
        weights = {key: value.clone() for key, value in model.weights.items()}

        def loss(windows: Tensor) -> Tensor:
            with torch.no_grad():
                wanted = logits(teacher.weights, teacher.shape, windows[:, :-1]).flatten(0, 1)
            scores = logits(weights, model.shape, windows[:, :-1]).flatten(0, 1)
            return distillation_loss(scores, wanted, windows[:, 1:].flatten(), temperature=chosen.temperature, alpha=chosen.alpha)

        self._train(weights, loss, Schedule(chosen.distil_steps, learning_rate=1e-3, seed=chosen.seed + 1), name)
        return replace(model, weights=weights)

    def _adapted(self, model: _Model, name: str) -> _Model:
        chosen = self._settings
        lora = attach(model.weights, [key for key, value in model.weights.items() if ".ffn_" in key and value.ndim == 2], chosen.lora_rank)

        def loss(windows: Tensor) -> Tensor:
            return next_byte_loss(logits(model.weights, model.shape, windows[:, :-1], lora.adapters()), windows)

        self._train(lora.parameters(), loss, Schedule(chosen.lora_steps, learning_rate=1e-3, weight_decay=0, seed=chosen.seed + 2), name)
        return replace(model, weights=merged(model.weights, lora))

    def _train(self, parameters: Weights, loss: Callable[[Tensor], Tensor], schedule: Schedule, name: str) -> None:
        on_step, keeping = self._on_step, Keeping(self._folder / f"{name}.checkpoint", f"compression/{name}", every_steps=50)
        train(
            parameters,
            loss,
            self._text.training,
            schedule,
            keeping=keeping,
            stop=self._stop,
            on_step=None if on_step is None else lambda step, bits: on_step(name, step, bits),
        )
        self.phases.append(Phase.of(name, schedule.steps, keeping.every_steps, keeping.times))


def non_dominated(stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages that no other beats in both size and loss, smallest first."""
    front: list[Stage] = []
    for stage in sorted(stages, key=lambda each: (each.size_bytes, each.bits_per_byte)):
        if not front or stage.bits_per_byte < front[-1].bits_per_byte:
            front.append(stage)
    return front
