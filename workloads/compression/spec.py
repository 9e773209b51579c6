"""The arguments of a compression container: what the stack writes and the program obeys."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundation.processes.arguments import address, amount, positive, read_arguments, seed

PROGRAM: Final = "python -m workloads.compression"
DEFAULT_STEPS: Final = 1000
STAGE_STEPS: Final = {"distil": 200, "lora": 60}


@dataclass(frozen=True, slots=True)
class CompressionSpec:
    """A compression job: train the small model if it is missing, then run a pipeline over it.

    ``order`` is ``sensible``, ``asked`` or ``both``; ``steps`` train the model, ``distil_steps`` and ``lora_steps`` are those of the two
    stages that train; everything is kept in the folder ``out``. At ``metrics_address`` (host:port) the series can be scraped while it runs.
    """

    order: str = "sensible"
    steps: int = DEFAULT_STEPS
    seed: int = 0
    distil_steps: int = STAGE_STEPS["distil"]
    lora_steps: int = STAGE_STEPS["lora"]
    out: str = "/checkpoints"
    metrics_address: str | None = None

    def to_args(self) -> list[str]:
        """Return the container's ``args``."""
        return [
            "compress",
            f"--order={self.order}",
            f"--steps={self.steps}",
            f"--seed={self.seed}",
            f"--distil-steps={self.distil_steps}",
            f"--lora-steps={self.lora_steps}",
            f"--out={self.out}",
            *([] if self.metrics_address is None else [f"--metrics-address={self.metrics_address}"]),
        ]

    @classmethod
    def from_args(cls, args: Sequence[str]) -> CompressionSpec:
        """Read a container's ``args``. Raises ``ArgumentsError``."""
        known = read_arguments(args, PROGRAM, add_commands)
        return cls(known.order, known.steps, known.seed, known.distil_steps, known.lora_steps, str(known.out), known.metrics_address)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands to ``parser``."""
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train the small language model and write it as tiny.gguf")
    compress = commands.add_parser("compress", help="run the pipeline over the small model, training it first if it is missing")
    for command in (train, compress):
        command.add_argument("--out", type=Path, required=True, help="folder for the model, checkpoints and the report")
        command.add_argument("--metrics-address", type=address, help="HOST:PORT that answers GET /metrics while it runs (default: none)")
        command.add_argument(
            "--text", type=Path, action="append", help="file, or folder of *.md and *.py; repeatable (default: this project)"
        )
        command.add_argument("--steps", type=positive, default=DEFAULT_STEPS, help="training steps of the model (default: %(default)s)")
        command.add_argument("--seed", type=seed, default=0, help="of weights and batches (default: %(default)s)")
    compress.add_argument("--order", choices=("sensible", "asked", "both"), default="sensible", help="of the stages (default: %(default)s)")
    for stage, steps in STAGE_STEPS.items():
        compress.add_argument(f"--{stage}-steps", type=positive, default=steps, help=f"of the stage {stage} (default: %(default)s)")
    compress.add_argument("--engine-python", type=Path, help="Python of the engine's environment: measure speed there too")
    compress.add_argument("--usd-per-hour", type=amount, help="price of the machine: adds USD per million tokens")
    choose = commands.add_parser("choose", help="say which method reaches a size, and why")
    choose.add_argument("--ratio", type=amount, required=True, help="how many times smaller than F32")
    choose.add_argument("--loss", type=amount, default=0.02, help="tolerated relative loss (default: %(default)s)")
    choose.add_argument("--complexity", choices=("low", "medium", "high"), help="where it is known better")
