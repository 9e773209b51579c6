"""Start-up time of the command line: ``--help``, and the graph of prod without any engine.

Run: ``nox -s benchmark -- command_line [repeats]``. Prints the median of each, next to a bound measured in the same run: starting the same
Python with nothing to do.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "sandtable --help": [sys.executable, "-m", "sandtable", "--help"],
    "sandtable graph prod --json": [sys.executable, "-m", "sandtable", "graph", "prod", "--json"],
}
TARGETS_S = {"sandtable --help": 0.3, "sandtable graph prod --json": 3.0}


def main(repeats: int) -> None:
    """Time every command ``repeats`` times, interleaved, so that a busy moment falls on all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeats):
        for name, command in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - begun)
    bound = statistics.median(seconds["python -c pass"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        target = f"   target {TARGETS_S[name]:.1f} s" if name in TARGETS_S else ""
        print(f"{name:30} {median:6.3f} s  [{min(taken):.3f}, {max(taken):.3f}] n={repeats}  {median / bound:5.1f} x bound{target}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
