"""Do the twin's 90 % bands hold what is measured? One real engine, loads of many kinds, each predicted with bands, then measured.

Run: ``python -m benchmarks.coverage [--loads 20] [--first 1] [--seconds 12] [--keep FILE]``.

One engine is started and calibrated once, as in one deployment; after the loads its mixed load is sent again, and each load is predicted
at the mean speed, paced by the yardstick. Loads differ in rate (15 to 75 % busy), lengths and seed; nothing is fitted to them. The target:
the bands hold 80 to 97 % of all measured p50 and p95 of TTFT, TPOT and E2E. A load whose measurement does not count (generator late,
engine waiting for its core) is told and left out. ``--keep`` appends one JSON line a load, so that a run can be done in pieces: the summary
is over all that the file has.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

from sandtable.jobs.engines.bench import LocalBench
from simulations.bands import bands, quantiles_of, uncertainty
from simulations.calibration import Calibration, calibrate, calibrate_again
from simulations.serving import EngineRequest, serve_alone
from simulations.twin import Twin
from simulations.validation import UnavailableError
from stacks.environment import Lengths, Traffic
from stacks.traffic import PlannedRequest, plan
from workloads.engine.spec import EngineSpec

TARGET = (0.80, 0.97)
SPEC = EngineSpec(slots=4, context_tokens=1024)


def load(calibration: Calibration, number: int, seconds: float) -> list[PlannedRequest]:
    """Return load ``number``: its rate, lengths and arrivals are drawn from its number."""
    dice = Random(number)
    prompt, output, share = dice.randint(20, 120), dice.randint(30, 120), dice.uniform(0.15, 0.75)
    (alone,) = serve_alone(calibration, [EngineRequest(0, 0.0, prompt, output)])
    traffic = Traffic(
        rate_per_s=share / (alone.e2e_ms / 1e3),
        duration_s=seconds,
        prompt_tokens=Lengths(mean=prompt, cv=0.6, low=4, high=400),
        output_tokens=Lengths(mean=output, cv=0.6, low=4, high=400),
    )
    return plan(traffic, seed=number)


def run(numbers: range, seconds: float) -> list[dict[str, Any]]:
    """Measure the loads and return a record of each."""
    measured = []
    with LocalBench().engine(SPEC, layers=16, width=256) as engine:
        before = calibrate(engine.url, engine.spec, lap=engine.lap)
        print(before.summary(), flush=True)
        for number in numbers:
            requests = load(before, number, seconds)
            with engine.lap() as lap:
                try:
                    measured.append((number, requests, engine.send(requests, seed=number), lap))
                except UnavailableError as error:
                    print(f"load {number} left out: {error}", flush=True)
        between = calibrate_again(engine.url, before, lap=engine.lap)
    print(f"afterwards the engine is {between.change()}; uncertainty {uncertainty(between)}")
    records = []
    for number, requests, seen, lap in measured:
        found = bands(Twin(("engine",), engine.spec, between.at(lap.mean_s)), requests, seed=number)
        figures = {
            name: {"low": band.low, "high": band.high, "predicted": band.predicted, "measured": quantiles_of(seen)[name]}
            for name, band in found.items()
        }
        records.append({"load": number, "n": seen.good, "figures": figures})
    return records


def summarise(records: list[dict[str, Any]]) -> float:
    """Print the coverage by figure and return that of all."""
    inside: dict[str, list[bool]] = defaultdict(list)
    for record in records:
        for name, f in record["figures"].items():
            inside[name].append(f["low"] <= f["measured"] <= f["high"])
    for name, hits in inside.items():
        errors = sorted(r["figures"][name]["predicted"] / r["figures"][name]["measured"] - 1 for r in records if name in r["figures"])
        middle = errors[len(errors) // 2]
        print(f"{name:14} {sum(hits):3} of {len(hits):3} inside   error {middle:+.1%} [{errors[0]:+.1%}, {errors[-1]:+.1%}]")
    everything = [hit for hits in inside.values() for hit in hits]
    share = sum(everything) / len(everything) if everything else float("nan")
    print(f"all            {share:.1%} of {len(everything)} quantiles of {len(records)} loads; target {TARGET[0]:.0%} to {TARGET[1]:.0%}")
    return share


def main() -> int:
    """Run the loads and return the exit code: 1 if the coverage misses its target."""
    parser = argparse.ArgumentParser(description="Coverage of the twin's bands.")
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="number of the first load")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--keep", type=Path, help="file to append the loads to, one JSON line each")
    options = parser.parse_args()
    try:
        records = run(range(options.first, options.first + options.loads), options.seconds)
    except UnavailableError as error:
        print(f"skipped: {error}")
        return 0
    if options.keep:
        with options.keep.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
        records = [json.loads(line) for line in options.keep.read_text(encoding="utf-8").splitlines()]
    share = summarise(records)
    return 0 if TARGET[0] <= share <= TARGET[1] else 1


if __name__ == "__main__":
    sys.exit(main())
