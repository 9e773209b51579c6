"""How long the tests take: the unit tier, and `nox -s tests` with its environment already made.

Run: ``nox -s benchmark -- test_times [repeats]``. The two take turns; printed are medians and every run, in pytest's own seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SUMMARY = re.compile(r"\d+ passed.* in ([\d.]+)s")
TARGET_S = {"unit": 10.0, "tests": 240.0}


def seconds(session: str) -> float:
    """Run the session, which has to pass, and return the time of its pytest, as pytest says it."""
    nox = shutil.which("nox") or sys.exit("nox is not on the PATH; pip install nox")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # or pytest rewrites every test
    output = subprocess.run([nox, "-s", session], cwd=ROOT, check=True, env=kept, capture_output=True, text=True).stdout
    return float(_SUMMARY.findall(output)[-1])


def main(repeats: int) -> None:
    """Time the sessions in turns."""
    for session in TARGET_S:
        seconds(session)  # makes its environment
    runs: dict[str, list[float]] = {session: [] for session in TARGET_S}
    for _ in range(repeats):
        for session, found in runs.items():
            found.append(seconds(session))
    for session, found in runs.items():
        each = ", ".join(f"{took:.1f}" for took in found)
        print(f"nox -s {session:6} {statistics.median(found):6.1f} s (target {TARGET_S[session]:.0f} s)   runs: {each}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
