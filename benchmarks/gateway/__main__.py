"""Our gateway compared with LiteLLM: ``nox -s bench_gateway``, or ``python -m benchmarks.gateway [--rounds 3] [--peer-python PATH]``.

Both translate OpenAI's wire to Anthropic's, to the same emulator, asked by the same generator; ours has keys, limits, costs, a ledger and
traces on, LiteLLM its master key and no callbacks. Systems take turns within a round, so that a busy machine is busy for all; printed are
medians over the rounds and their range. CPU time comes from /proc and is the figure to trust on a shared machine; rates and latencies are
bounds that the machine set. The load average stands with the result.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.gateway.checks import attempts_in_outage, cost_error, retry_after_kept
from benchmarks.gateway.generator import Run, closed_loop, http
from benchmarks.gateway.systems import KEY, MODEL, System, all_systems

FRAMES = 64
INSTANT = {
    "ttft_ms": 0,
    "ttft_sigma": 0,
    "prompt_tokens_per_s": 1e12,
    "tpot_ms": 0,
    "tpot_sigma": 0,
    "output_tokens": FRAMES,
    "output_sigma": 0,
}
PATH, DIRECT_PATH = "/v1/chat/completions", "/v1/messages"


def body(model: str, *, stream: bool = False, prompt: str = "tell me about queues") -> bytes:
    """Return a request of OpenAI's wire."""
    messages = [{"role": "user", "content": prompt}]
    return json.dumps({"model": model, "messages": messages, "max_tokens": 500, **({"stream": True} if stream else {})}).encode()


class Figures:
    """Figures by name and system, one a round."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, name: str, system: str, value: float) -> None:
        """Take one figure."""
        self.values[name][system].append(value)

    def shown(self, name: str, system: str) -> str:
        """Return median and range."""
        values = self.values[name].get(system)
        if not values:
            return "-"
        middle = statistics.median(values)
        spread = f" ({min(values):.3g}-{max(values):.3g})" if len(values) > 1 else ""
        return f"{middle:.3g}{spread}"


def percentile(values: list[float], share: float) -> float:
    """Return a percentile by rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def run(url: str, request: bytes, **options: Any) -> Run:
    """Drive the closed loop."""
    return asyncio.run(closed_loop(url, request, **options))


def one_round(figures: Figures, emulator: str, systems: list[System], scale: float) -> None:
    """Measure every system once."""
    direct = http(emulator, DIRECT_PATH, "k", body(MODEL))
    alone = run(emulator, direct, connections=1, requests=int(200 * scale), mark=b'"text":"')
    for system in systems:
        name = system.name
        scaled = scale if name == "gateway" else scale / 4
        request = http(system.url, PATH, KEY, body("bench"))
        run(system.url, request, connections=4, requests=int(40 * scaled) + 8)  # warm
        single = run(system.url, request, connections=1, requests=int(200 * scaled))
        figures.add("added p50 ms, c=1", name, (percentile(single.seconds, 0.5) - percentile(alone.seconds, 0.5)) * 1e3)
        figures.add("added p99 ms, c=1", name, (percentile(single.seconds, 0.99) - percentile(alone.seconds, 0.99)) * 1e3)
        cpu_s = system.cpu_s()
        many = run(system.url, request, connections=16, requests=int(800 * scaled))
        figures.add("CPU-ms a request, c=16", name, (system.cpu_s() - cpu_s) * 1e3 / max(1, len(many.seconds)))
        figures.add("requests/s, c=16", name, many.per_s)
        figures.add("errors", name, many.failed + single.failed)
        stream = http(system.url, PATH, KEY, body("bench", stream=True))
        cpu_s = system.cpu_s()
        streams = run(system.url, stream, connections=8, requests=int(120 * scaled), frames=FRAMES)
        per_stream_ms = (system.cpu_s() - cpu_s) * 1e3 / max(1, len(streams.seconds))
        whole_ms = figures.values["CPU-ms a request, c=16"][name][-1]
        figures.add("CPU-µs a streamed frame", name, max(0.0, per_stream_ms - whole_ms) * 1e3 / FRAMES)
        figures.add("streams with lost frames", name, streams.lost + streams.failed)
        large = http(system.url, PATH, KEY, body("bench", prompt="queue " * 36_600))
        cpu_s = system.cpu_s()
        long = run(system.url, large, connections=4, requests=int(80 * scaled))
        figures.add("CPU-ms, 220 KB prompt", name, (system.cpu_s() - cpu_s) * 1e3 / max(1, len(long.seconds)))


def paced(figures: Figures, systems: list[System], seconds: float, levels: list[int]) -> None:
    """Measure with a slow upstream: 20 ms to the first token, and 20 ms per frame."""
    for system in systems:
        connections = 96 if system.name == "gateway" else 16
        whole = run(system.url, http(system.url, PATH, KEY, body("bench", prompt="echo: ok")), connections=connections, seconds=seconds)
        figures.add("requests/s, upstream 20 ms", system.name, whole.per_s)
        figures.add("p99 ms at that rate", system.name, percentile(whole.seconds, 0.99) * 1e3 if whole.seconds else float("nan"))
        figures.add("errors at that rate", system.name, whole.failed)
        held = 0
        for count in levels if system.name == "gateway" else [1, 4, 16]:
            request = http(system.url, PATH, KEY, body("bench", stream=True))
            streams = run(system.url, request, connections=count, requests=count, frames=FRAMES)
            if streams.failed or streams.lost or len(streams.seconds) < count:
                break
            held = count
        figures.add("streams 64 x 20 ms, no frame lost", system.name, held)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of requests (default: %(default)s)")
    parser.add_argument("--soak-s", type=float, default=60.0, help="seconds of load for the growth of memory (default: %(default)s)")
    parser.add_argument(
        "--peer-python", default=None, help="Python of an environment with litellm[proxy]; without it ours is measured alone"
    )
    known = parser.parse_args()
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    figures = Figures()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as place:
        with all_systems(Path(place), known.peer_python, INSTANT) as (emulator, systems):
            for system in systems:
                figures.add("cold start s", system.name, system.cold_start_s)
                figures.add("cold start, CPU s", system.name, system.cpu_s())
                figures.add("RSS idle MB", system.name, system.rss_mb())
            for _ in range(known.rounds):
                one_round(figures, emulator, systems, known.scale)
            for system in systems:
                figures.add("slept / asked on Retry-After", system.name, retry_after_kept(emulator, system.url))
                figures.add("cost error, worst shape %", system.name, cost_error(emulator, system.url, system.name))
            attempts_in_outage(emulator, systems, figures)
            soak(figures, systems[0], known.soak_s)
        slow = {**INSTANT, "ttft_ms": 20, "tpot_ms": 20}
        folder = Path(place) / "paced"
        folder.mkdir()
        with all_systems(folder, known.peer_python, slow) as (_, systems):
            paced(figures, systems, 6.0 * known.scale, [64, 128, 256])
    show(figures, before)


def soak(figures: Figures, system: System, seconds: float) -> None:
    """Load a gateway until its memory reaches a plateau, and measure the growth after that."""
    request = http(system.url, PATH, KEY, body("bench"))
    run(system.url, request, connections=16, seconds=min(20.0, seconds))
    plateau = system.rss_mb()
    run(system.url, request, connections=16, seconds=seconds)
    figures.add(f"RSS growth MB in {seconds:.0f} s of load", system.name, system.rss_mb() - plateau)
    figures.add("RSS after load MB", system.name, system.rss_mb())


REACH = {
    "CPU-ms a request, c=16": "≤ 1.0",
    "added p50 ms, c=1": "≤ 0.8",
    "added p99 ms, c=1": "reported",
    "requests/s, upstream 20 ms": "≥ 1000",
    "CPU-µs a streamed frame": "≤ 25",
    "streams 64 x 20 ms, no frame lost": "≥ 256",
    "CPU-ms, 220 KB prompt": "≤ 2.5",
    "RSS idle MB": "≤ 90",
    "cold start s": "≤ 2",
    "cold start, CPU s": "-",
    "slept / asked on Retry-After": "1.00 ± .05",
    "attempts on a dead primary": "≤ 4",
    "cost error, worst shape %": "0",
}


def show(figures: Figures, before: float) -> None:
    """Print the table."""
    names = ["gateway", "LiteLLM"]
    print(f"\nload average {before:.1f} before, {os.getloadavg()[0]:.1f} after, {time.strftime('%Y-%m-%d %H:%M')}")
    print(f"{'what':38} {'reach':>11} {'ours':>28} {'LiteLLM 1.106.2':>28}")
    for name in figures.values:
        ours, theirs = (figures.shown(name, system) for system in names)
        print(f"{name:38} {REACH.get(name, ''):>11} {ours:>28} {theirs:>28}")


if __name__ == "__main__":
    main()
