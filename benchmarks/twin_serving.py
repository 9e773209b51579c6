"""Speed and memory of the serving model on a recorded hour: the Azure conversation trace, token by token, percentiles kept.

Run: ``nox -s benchmark -- twin_serving [repeats] [data folder]``. Three set-ups, in requests per second of processor time: one H100 as
``sandtable whatif`` simulates it; the same with the load of the hour on four of them, blocks that run out, a shared prefix and routing by
prefix; and the bound, a loop with one event a request. Then the peak memory of a process for two numbers of requests.
"""

from __future__ import annotations

import csv
import math
import resource
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from foundation.measures import Outcome, RequestRecord
from simulations.calibration import published
from simulations.hardware import gpu, model
from simulations.kernel import Loop, Order
from simulations.routing import PrefixAffinity, RouterDoor
from simulations.serving import EngineRequest
from simulations.serving.paged import Limits, PagedEngine
from simulations.serving.roofline import VLLM, RooflineTimes, kernels_of
from simulations.twin import Twin
from simulations.world import Replica
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

TRACE = "azure_llm_2023/conv.csv"
SPEC = EngineSpec(slots=64, context_tokens=16_384)
TARGETS = {"one H100": 6500, "four H100, blocks, prefixes, routing": 2000}


def trace(data: Path) -> list[PlannedRequest]:
    """Return the requests of the hour."""
    with (data / TRACE).open(newline="") as file:
        rows = [(_seconds(row["TIMESTAMP"]), int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in csv.DictReader(file)]
    return [PlannedRequest(index, at_s - rows[0][0], prompt, output) for index, (at_s, prompt, output) in enumerate(rows)]


def _seconds(text: str) -> float:
    whole, _, fraction = text.partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction}")


def one(requests: list[PlannedRequest]) -> str:
    """Simulate one replica as what-if does, with clients that wait for ever."""
    outcome = Twin(("a",), SPEC, published("H100"), timeout_s=math.inf).run(requests, seed=1).outcome
    return f"TTFT p50 {outcome.ttft_ms.p50:.1f} ms, p99 {outcome.ttft_ms.p99:.1f}; TPOT p50 {outcome.tpot_ms.p50:.2f}"


def four(requests: list[PlannedRequest]) -> str:
    """Simulate four replicas at four times the rate: a system prompt of 512 tokens, one of eight, and 1,100 blocks each."""
    loop = Loop()
    replicas: dict[str, Replica] = {}
    door = RouterDoor(replicas, PrefixAffinity(10_000), loop)
    times = RooflineTimes(gpu("H100"), model("llama-3.1-8b"), kernels_of("H100"), VLLM)
    engines = [PagedEngine(f"e{n}", Limits(1100, 64, 16_384), times, loop, on_end=door.on_end, timeout_s=math.inf) for n in range(4)]
    replicas |= {f"e{n}": Replica(f"e{n}", engine) for n, engine in enumerate(engines)}
    records: list[RequestRecord] = []
    coming = iter(requests)

    def send_next() -> None:
        if (planned := next(coming, None)) is not None:
            first = planned.index % 8 * 1000
            prefix = tuple(range(first, first + min(32, planned.prompt_tokens // 16)))
            request = EngineRequest(planned.index, planned.at_s / 4, planned.prompt_tokens, planned.output_tokens, prefix)
            loop.at(request.at_s, lambda: send(request), Order.ARRIVAL)

    def send(request: EngineRequest) -> None:
        send_next()
        door.submit(request, lambda _, record: records.append(record))

    send_next()
    loop.run()
    for engine in engines:
        engine.audit()
    outcome = Outcome.from_records(records, replicas=tuple(replicas), seed=1)
    preempted = sum(engine.scheduler.preemptions for engine in engines)
    share = sum(e.scheduler.cached_tokens for e in engines) / sum(e.scheduler.prompt_tokens for e in engines)
    return f"{preempted} preemptions, {share:.1%} of prompt tokens cached; TTFT p99 {outcome.ttft_ms.p99:.0f} ms"


def bound(requests: list[PlannedRequest]) -> str:
    """Run one event a request."""
    loop = Loop()
    for planned in requests:
        loop.at(planned.at_s, lambda: None)
    loop.run()
    return "one event a request"


def grown(requests: list[PlannedRequest], count: int) -> list[PlannedRequest]:
    """Return ``count`` requests: the hour again and again."""
    hour = requests[-1].at_s + 1
    return [
        PlannedRequest(number, r.at_s + number // len(requests) * hour, r.prompt_tokens, r.output_tokens)
        for number, r in ((number, requests[number % len(requests)]) for number in range(count))
    ]


def main(repeats: int, data: Path) -> None:
    """Time the set-ups, interleaved, and measure the memory."""
    if not (data / TRACE).exists():
        print(f"skipped: data not present: {data / TRACE}")
        return
    requests = trace(data)
    setups = {"one H100": one, "four H100, blocks, prefixes, routing": four, "bound: the loop alone": bound}
    taken: dict[str, list[float]] = {name: [] for name in setups}
    said: dict[str, str] = {}
    for _ in range(repeats):
        for name, run in setups.items():
            begun = time.process_time()
            said[name] = run(requests)
            taken[name].append(len(requests) / (time.process_time() - begun))
    for name, rates in taken.items():
        target = f"  target {TARGETS[name]:,}" if name in TARGETS else ""
        spread = f"[{min(rates):,.0f}, {max(rates):,.0f}] n={repeats}"
        print(f"{name:38} {statistics.median(rates):9,.0f} requests/s  {spread}{target}  {said[name]}")
    for count in (50_000, 200_000):
        command = [sys.executable, __file__, "memory", str(data), str(count)]
        peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"{count:8,} requests: peak memory {peak:,.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        one(grown(trace(Path(sys.argv[2])), int(sys.argv[3])))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, Path(sys.argv[2] if len(sys.argv) > 2 else "../shared/data"))
