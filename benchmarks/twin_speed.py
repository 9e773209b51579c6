"""Speed of the twin: as a multiple of real time, and in engine steps per second, on dev's default load and on a busy hour of it.

Run with ``python benchmarks/twin_speed.py [repeats]``. Needs no engine: the coefficients are round numbers near those of a laptop, and
the work of a run does not depend on them. Printed are medians over the repeats; the target is 1,000 times real time on dev's load.
"""

from __future__ import annotations

import statistics
import sys
import time

from simulations.calibration import Calibration, Coefficient, Machine
from simulations.twin import Twin
from stacks.environment.file import load
from stacks.traffic import plan
from workloads.engine.spec import EngineSpec

COMPUTE_S = {1: 0.0009, 2: 0.0012, 3: 0.0018, 4: 0.0022, 16: 0.0087, 64: 0.0285, 512: 0.215}


def assumed(value: float) -> Coefficient:
    """Return an assumed coefficient."""
    return Coefficient(value, "s", "assumed", "round numbers near those of a laptop")


def main(repeats: int) -> None:
    """Time both loads."""
    environment = load("dev")
    engine = environment.engine
    spec = EngineSpec(engine.model, engine.slots, engine.context_tokens, engine.threads)

    calibration = Calibration(
        name="benchmark",
        date="",
        spec=spec,
        machine=Machine("", 0),
        compute_s=tuple((tokens, assumed(value)) for tokens, value in COMPUTE_S.items()),
        split_s=assumed(0.00015),
        decode_context_s=assumed(2e-6),
        prefill_context_s=assumed(5e-7),
        cold_s=assumed(0.0022),
        cold_left=assumed(0.6),
        cold_after_s=assumed(0.01),
        prefill_under_load=assumed(1.0),
        decode_under_load=assumed(1.0),
        request_s=assumed(0.0015),
        request_token_s=assumed(6e-7),
    )
    twin = Twin(("engine",), spec, calibration)
    usual = environment.traffic.model_copy(update={"mix": []})  # the engine alone
    hour = usual.model_copy(update={"duration_s": 3600.0, "rate_per_s": environment.traffic.rate_per_s * 1.5})
    for name, traffic in (("dev's load", usual), ("an hour at 1.5 times its rate", hour)):
        requests = plan(traffic)
        seconds = []
        for _ in range(repeats):
            begun = time.perf_counter()
            prediction = twin.run(requests, seed=traffic.seed)
            seconds.append(time.perf_counter() - begun)
        median = statistics.median(seconds)
        print(
            f"{name:32} {len(requests):6} requests {prediction.steps:8} steps  {median:7.3f} s  [{min(seconds):.3f}, {max(seconds):.3f}] "
            f"n={repeats}  {prediction.steps / median:9.0f} steps/s  {prediction.outcome.duration_s / median:7.0f} x real time"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
