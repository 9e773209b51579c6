"""The cost of the load generators themselves: CPU milliseconds per streamed request and microseconds per frame.

Run with ``python benchmarks/load_generator.py [--repeats 3] [--seconds 6] [--in-flight 2 8 32]``.

A server of its own process streams answers of 4 and of 64 tokens, one frame at a time. Both lengths are sent at rates that keep the
same number of streams in flight: where few are, each frame wakes a process that sleeps; where many are, one wake reads several. The
straight line through the two lengths gives the cost of a request without frames and the cost of one frame; what the open loop's
requests of either length cost is held against the bound. Three generators take turns, so that a busy machine is busy for all: the
open loop, Locust, and for comparison asyncio's own connections, which send the same requests and throw away what comes. CPU time is
user and system time of the generating process. Printed are medians over the repeats, their range, and the ratio to asyncio. Other
load on the machine makes everything dearer, the comparison included.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foundation.chat import ChatRequests
from foundation.wire import Target
from loadtests import locust_run, open_loop
from stacks.environment import Lengths, Traffic
from stacks.traffic import PlannedRequest, plan

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT, LONG = 4, 64
GAP_MS = 4.0
BOUND_MS, BOUND_US = 0.5, 20.0


@dataclass(frozen=True)
class Cost:
    """CPU of one run, divided by its requests; frames a request."""

    cpu_ms: float
    frames: float


def traffic(tokens: int, rate: float, seconds: float) -> Traffic:
    """Evenly spaced requests with answers of one length."""
    fixed = Lengths(distribution="constant", mean=tokens)
    return Traffic(arrivals="constant", rate_per_s=rate, duration_s=seconds, prompt_tokens=Lengths(mean=128), output_tokens=fixed)


def by_open_loop(url: str, tokens: int, rate: float, seconds: float) -> Cost:
    """Measure the open loop."""
    measured = open_loop.run(plan(traffic(tokens, rate, seconds)), [url])
    assert measured.outcome.failed == 0, measured.records[0].error
    return Cost(measured.generator.cpu_ms_per_request, measured.generator.frames / measured.generator.sent)


def by_locust(url: str, tokens: int, rate: float, seconds: float) -> Cost:
    """Measure Locust with as many users as keep about the same rate."""
    answer_s = (tokens + 4) * GAP_MS / 1e3
    measured = locust_run.run(traffic(tokens, rate, seconds), [url], users=max(1, round(rate * answer_s)))
    assert measured.outcome.failed == 0, measured.records[0].error
    return Cost(measured.generator.cpu_ms_per_request, measured.generator.frames / measured.generator.sent)


class _Discard(asyncio.Protocol):
    def __init__(self, data: bytes, ended: asyncio.Future[int]) -> None:
        self.data, self.ended, self.received = data, ended, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.data)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.ended.set_result(self.received)


def by_asyncio(url: str, tokens: int, rate: float, seconds: float) -> Cost:
    """Measure bare connections that read the same bytes and discard them."""
    target, requests = Target.parse(url), ChatRequests(model="synthetic")
    to_send = plan(traffic(tokens, rate, seconds))

    async def one(request: PlannedRequest) -> int:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()
        data = requests.encode(request, target)
        await loop.create_connection(lambda: _Discard(data, ended), target.host, target.port)
        return await ended

    async def everything() -> None:
        loop, tasks = asyncio.get_running_loop(), []
        start = loop.time()
        for request in to_send:
            await asyncio.sleep(max(0.0, start + request.at_s - loop.time()))
            tasks.append(asyncio.create_task(one(request)))
        await asyncio.gather(*tasks)

    cpu = time.process_time()
    asyncio.run(everything())
    # Frames a request as the server sends them: role, tokens, finish, usage, [DONE].
    return Cost((time.process_time() - cpu) * 1e3 / len(to_send), tokens + 4)


GENERATORS: dict[str, Callable[[str, int, float, float], Cost]] = {"open loop": by_open_loop, "locust": by_locust, "asyncio": by_asyncio}


Pair = tuple[Cost, Cost]
"""A short answer and a long one, of one repeat."""


def pair(generate: Callable[[str, int, float, float], Cost], url: str, in_flight: int, seconds: float) -> Pair:
    """Measure both lengths."""
    short, long = (generate(url, tokens, in_flight / (tokens * GAP_MS / 1e3), seconds) for tokens in (SHORT, LONG))
    return short, long


def line(short: Cost, long: Cost) -> tuple[float, float]:
    """Return CPU ms a request without frames and CPU us a frame."""
    frame_ms = (long.cpu_ms - short.cpu_ms) / (long.frames - short.frames)
    return short.cpu_ms - frame_ms * short.frames, frame_ms * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run (default: %(default)s)")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[2, 8, 32], help="streams at a time (default: %(default)s)")
    options = parser.parse_args()
    turns = [(streams, name) for streams in options.in_flight for name in GENERATORS]
    longest = options.repeats * len(turns) * 2 * (options.seconds + 20)
    command = [sys.executable, "-m", "loadtests.testing", f"--gap-ms={GAP_MS}", f"--seconds={longest}"]
    found: dict[tuple[int, str], list[Pair]] = {turn: [] for turn in turns}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            for repeat in range(options.repeats):
                for streams, name in turns:
                    found[streams, name].append(pair(GENERATORS[name], url, streams, options.seconds))
                print(f"repeat {repeat + 1} of {options.repeats} done", file=sys.stderr)
        finally:
            server.terminate()
    report(found)


def report(found: dict[tuple[int, str], list[Pair]]) -> None:
    """Print medians, ranges, ratios to asyncio, and what the open loop's requests cost of their bound."""
    lines = {turn: [line(*measured) for measured in pairs] for turn, pairs in found.items()}
    median = {turn: [statistics.median(values) for values in zip(*runs, strict=True)] for turn, runs in lines.items()}
    print(f"{'in flight':9} {'generator':10} {'CPU ms a request':>24} {'CPU us a frame':>24} {'ratio to asyncio':>16}  n")
    for (streams, name), runs in lines.items():
        spans = [f"({min(values):.3f} to {max(values):.3f})" for values in zip(*runs, strict=True)]
        cells = [f"{value:.3f} {span}" for value, span in zip(median[streams, name], spans, strict=True)]
        ratios = " / ".join(f"{a / b:.2f}" for a, b in zip(median[streams, name], median[streams, "asyncio"], strict=True))
        print(f"{streams:9} {name:10} {cells[0]:>24} {cells[1]:>24} {ratios:>16}  {len(runs)}")
    print(f"bound for the open loop: {BOUND_MS} ms a request and {BOUND_US:g} us a frame")
    for (streams, name), pairs in found.items():
        for costs in zip(*pairs, strict=True) if name == "open loop" else ():
            cpu_ms, frames = statistics.median(cost.cpu_ms for cost in costs), costs[0].frames
            bound = BOUND_MS + BOUND_US * frames / 1e3
            kept = "kept" if cpu_ms <= bound else "broken"
            print(f"  {streams} in flight, {frames:g} frames: {cpu_ms:.3f} of {bound:.3f} ms, {cpu_ms / bound:.0%}: {kept}")


if __name__ == "__main__":
    main()
