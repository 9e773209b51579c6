"""The figures of training, one command: ``nox -s bench_training``, or ``python -m benchmarks.training [--only ppo,digits] [--seeds 5]``.

Seeds begin at 1000: no setting was chosen on them. Values of finite environments are exact; others are the mean of 100 fresh episodes of
the policy that was kept. Several seeds are given as their median and the number that reached the figure.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from benchmarks.training import digits, language, learning, matrices
from benchmarks.training.table import Row, show

FIRST_SEED = 1000


def parts(known: argparse.Namespace) -> dict[str, Callable[[], list[Row]]]:
    """Return what measures the rows of each part."""
    seeds = range(FIRST_SEED, FIRST_SEED + known.seeds)
    return {
        "tabular": partial(learning.tabular, seeds),
        "ppo": partial(learning.deep, "PPO", 100_000, "500 on 5 of 5", seeds),
        "dqn": partial(learning.deep, "DQN", 50_000, ">= 475 on 5 of 5", seeds),
        "ppo-peer": partial(learning.peer, "PPO", seeds),
        "dqn-peer": partial(learning.peer, "DQN", seeds),
        "recommender": partial(learning.recommender_rows, seeds),
        "feedback": partial(learning.feedback, seeds),
        "resume": partial(learning.resumed, known.seeds),
        "matrices": matrices.rows,
        "digits": partial(digits.rows, seeds),
        "language": partial(language.rows, known.model, known.engine_python),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="seeds of each training (default: %(default)s)")
    parser.add_argument("--model", type=Path, help="tiny.gguf of the language model; without it the part `language` trains one first")
    parser.add_argument("--engine-python", type=Path, help="Python of the engine's environment; without it no speed is measured")
    known, _ = parser.parse_known_args()
    measured = parts(known)
    parser.add_argument("--only", default=",".join(measured), help=f"of {', '.join(measured)}, separated by commas (default: all)")
    wanted = parser.parse_args().only.split(",")
    if unknown := set(wanted) - set(measured):
        parser.error(f"--only: {', '.join(sorted(unknown))} is not one of {', '.join(measured)}")
    torch.set_num_threads(1)
    before, begun = os.getloadavg()[0], time.monotonic()
    for name in measured:
        if name in wanted:
            show(measured[name]())
    print(f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after; {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
