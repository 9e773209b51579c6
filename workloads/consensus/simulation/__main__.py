"""Seeds one after another: ``python -m workloads.consensus.simulation --seeds 50``.

A seed that fails is printed as the command that replays it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from workloads.consensus.simulation.run import replay_command, simulate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds that ``arguments`` name; return 0 if all held, 1 at the first that did not."""
    parser = argparse.ArgumentParser(
        prog="python -m workloads.consensus.simulation", description="Simulate a group of members under faults."
    )
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the first seed (default: 1)")
    parser.add_argument("--seeds", type=int, default=50, metavar="N", help="how many seeds (default: 50)")
    parser.add_argument("--events", type=int, default=2_000, metavar="N", help="events with faults in each (default: 2000)")
    chosen = parser.parse_args(arguments)
    started = time.perf_counter()
    messages = events = 0
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        try:
            run = simulate(seed, events=chosen.events)
        except AssertionError as broken:
            sys.stdout.write(f"seed {seed}: {type(broken).__name__}: {broken}\nreplay: {replay_command(seed, chosen.events)}\n")
            return 1
        messages += run.messages
        events += run.events
        if chosen.seeds == 1:
            sys.stdout.write(f"{run}\n")
    took_s = time.perf_counter() - started
    sys.stdout.write(f"{chosen.seeds:,} seeds held: {events:,} events, {messages:,} messages in {took_s:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
