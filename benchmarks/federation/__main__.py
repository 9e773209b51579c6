"""The federation's figures, one command: ``nox -s bench_federation``, or ``python -m benchmarks.federation [--only accounting,sums]``.

Accountants against published values, secure sums beside Flower's SecAgg+ and between processes, and what is refused. Systems take turns;
printed are medians with ranges, or means with 95 % intervals, each with its n. The load average stands with the result: wall times of a
busy machine are bounds, ratios of one run are fair.
"""

from __future__ import annotations

import argparse
import os
import time

from benchmarks.federation import accounting, secure_sums, table


def main() -> None:
    """Measure and print."""
    parts = ("accounting", "sums", "refusals")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(parts), help=f"of {', '.join(parts)}, separated by commas (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of secure aggregation a turn (default: %(default)s)")
    parser.add_argument("--flower-python", help="Python of an environment with flwr; without it ours is measured alone")
    known = parser.parse_args()
    wanted = known.only.split(",")
    if unknown := set(wanted) - set(parts):
        parser.error(f"--only: {', '.join(sorted(unknown))} is not one of {', '.join(parts)}")
    before, begun = os.getloadavg()[0], time.monotonic()
    rows: list[table.Row] = []
    if "accounting" in wanted:
        rows += accounting.rows()
    if "sums" in wanted:
        rows += secure_sums.rows(known.flower_python, known.rounds)
    if "refusals" in wanted:
        from benchmarks.federation import refusals

        rows += refusals.rows()
    table.show(rows)
    print(f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after; {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
