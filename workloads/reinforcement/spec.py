"""The arguments of a reinforcement container: what the stack writes and the program obeys."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundation.processes.arguments import address, amount, finite, positive, read_arguments, seed

PROGRAM: Final = "python -m workloads.reinforcement"
ALGORITHMS: Final = ("q-learning", "dqn", "ppo")
CHECKPOINT_SHARE: Final = 10
"""Checkpoints of a seed, evenly over its steps."""
POLICY: Final = "policy.checkpoint"
"""File of the best seed's policy, in the folder of a run."""


@dataclass(frozen=True, slots=True)
class ReinforcementSpec:
    """A reinforcement job: ``algorithm`` in ``environment`` for ``steps``, once for each of ``seeds`` seeds from ``seed`` on.

    Checkpoints, the policy and the report are kept in the folder ``out``. At ``metrics_address`` (host:port) the series can be scraped
    while it runs.
    """

    algorithm: str = "ppo"
    environment: str = "CartPole-v1"
    steps: int = 100_000
    seeds: int = 1
    seed: int = 0
    out: str = "/checkpoints"
    metrics_address: str | None = None

    def to_args(self) -> list[str]:
        """Return the container's ``args``."""
        return [
            "train",
            f"--algorithm={self.algorithm}",
            f"--environment={self.environment}",
            f"--steps={self.steps}",
            f"--seeds={self.seeds}",
            f"--seed={self.seed}",
            f"--out={self.out}",
            *([] if self.metrics_address is None else [f"--metrics-address={self.metrics_address}"]),
        ]

    @classmethod
    def from_args(cls, args: Sequence[str]) -> ReinforcementSpec:
        """Read a container's ``args``. Raises ``ArgumentsError``."""
        known = read_arguments(args, PROGRAM, add_commands)
        return cls(known.algorithm, known.environment, known.steps, known.seeds, known.seed, str(known.out), known.metrics_address)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands to ``parser``."""
    commands, default = parser.add_subparsers(dest="command", required=True), ReinforcementSpec()
    train = commands.add_parser("train", help="train a policy and score it on fresh episodes, or exactly where that is possible")
    train.add_argument("--algorithm", choices=ALGORITHMS, default=default.algorithm, help="(default: %(default)s)")
    environments = "one of Gymnasium's, recommender or noughts-and-crosses (default: %(default)s)"
    train.add_argument("--environment", default=default.environment, help=environments)
    train.add_argument("--steps", type=positive, default=default.steps, help="of the environment, a seed (default: %(default)s)")
    train.add_argument(
        "--seeds", type=positive, default=default.seeds, help="how many runs; 5 or more say something (default: %(default)s)"
    )
    train.add_argument("--solved-from", type=finite, help="score of a solved seed (default: Gymnasium's, or 97 %% of the optimum)")
    rlhf = commands.add_parser("rlhf", help="learn a reward from preferences and tune a policy to it, with and without a KL penalty")
    rlhf.add_argument("--pairs", type=positive, default=8192, help="compared sentences (default: %(default)s)")
    rlhf.add_argument("--bound", type=amount, default=8.0, help="nats that the tuned policy may be away (default: %(default)s)")
    for command in (train, rlhf):
        command.add_argument("--seed", type=seed, default=default.seed, help="of the first run (default: %(default)s)")
        command.add_argument("--out", type=Path, required=True, help="folder for checkpoints, the policy and the report")
        command.add_argument("--metrics-address", type=address, help="HOST:PORT that answers GET /metrics while it runs (default: none)")
    exact = commands.add_parser("exact", help="print the best value that any policy can have, by dynamic programming")
    exact.add_argument("--environment", required=True, help="a finite one: FrozenLake-v1, Taxi-v4, recommender, noughts-and-crosses")
