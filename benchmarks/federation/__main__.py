"""The federation's figures, one command: ``nox -s bench_federation``, or ``python -m benchmarks.federation [--only accounting,sums]``.

Accountants against published values; secure sums beside Flower's SecAgg+ and between processes; digits beside Flower's FedAvg; private
training beside Opacus; what is refused; a server that is killed. Systems take turns; printed are medians with ranges, or means with 95 %
intervals, each with its n. The load average stands with the result: wall times of a
busy machine are bounds, ratios of one run are fair.
"""

from __future__ import annotations

import argparse
import os
import time

from benchmarks.federation import table


def main() -> None:
    """Measure and print."""
    parts = ("accounting", "sums", "learning", "private", "refusals", "recovery")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(parts), help=f"of {', '.join(parts)}, separated by commas (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of secure aggregation a turn (default: %(default)s)")
    parser.add_argument("--flower-python", help="Python of an environment with flwr; without it ours is measured alone")
    parser.add_argument(
        "--seeds", type=int, default=5, help="seeds of the digits, half as many as of private training (default: %(default)s)"
    )
    parser.add_argument("--opacus-python", help="Python of an environment with opacus; without it ours is trained alone")
    known = parser.parse_args()
    wanted = known.only.split(",")
    if unknown := set(wanted) - set(parts):
        parser.error(f"--only: {', '.join(sorted(unknown))} is not one of {', '.join(parts)}")
    before, begun = os.getloadavg()[0], time.monotonic()
    rows: list[table.Row] = []
    for part in parts:
        if part in wanted:
            rows += measured(part, known)
    table.show(rows)
    print(f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} after; {time.monotonic() - begun:.0f} s")


def measured(part: str, known: argparse.Namespace) -> list[table.Row]:
    """Return the rows of one part; each imports only what it needs."""
    match part:
        case "accounting":
            from benchmarks.federation import accounting

            return accounting.rows()
        case "sums":
            from benchmarks.federation import secure_sums

            return secure_sums.rows(known.flower_python, known.rounds)
        case "learning":
            from benchmarks.federation import learning

            return learning.rows(known.flower_python, known.seeds)
        case "private":
            from benchmarks.federation import private

            return private.rows(known.opacus_python, 2 * known.seeds)
        case "refusals":
            from benchmarks.federation import refusals

            return refusals.rows()
        case _:
            from benchmarks.federation import recovery

            return recovery.rows()


if __name__ == "__main__":
    main()
