"""How long the twin's answers take, as a user waits for them: each command in a process of its own, with its workers.

Run with ``python -m benchmarks.twin_answers [question ...]``; without a name all of :data:`QUESTIONS`. Printed are the time on the wall,
the processor time of the command and its workers, and what it found. On a busy machine only the processor time tells anything. Goals: a
search over 200 configurations within 120 s on two cores, overload told within 10 s, three scenarios with intervals within 20 s.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

QUESTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "search": ("capacity", "prod", "--search"),
    "overload": ("whatif", "prod", "--scenario", "traffic=100x"),
    "scenarios": ("whatif", "prod", "-s", "traffic=2x", "-s", "spot=0.7", "-s", "zone-lost=us-east-1b"),
}


def main(names: list[str]) -> None:
    """Ask each question once."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in names or QUESTIONS:
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-m", "sandtable", *QUESTIONS[name], "--json"], check=False, capture_output=True, text=True)
        wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found = _found(json.loads(done.stdout)) if done.stdout else done.stderr.strip()
        print(f"{name}: {wall_s:.1f} s, {cpu_s:.1f} s of processor time; {found}", flush=True)


def _found(answer: Mapping[str, Any]) -> str:
    if "error" in answer:
        return str(answer["error"])
    if (search := answer.get("search")) is not None:
        full = sum(one["full"] for one in search["tried"])
        best = search["best"]["scenario"] if search["best"] else "none"
        return f"{search['space']} configurations, {len(search['tried'])} simulated, {full} of them in full; cheapest: {best}"
    notes = [note for one in answer["scenarios"] for note in one["notes"] if note.startswith("overloaded")]
    return f"{len(answer['scenarios'])} scenarios of {answer['scenarios'][0]['replications']} replications; {' '.join(notes)}"


if __name__ == "__main__":
    main(sys.argv[1:])
