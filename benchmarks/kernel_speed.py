"""Speed of the simulation kernel: customers of an M/M/3 queue a second, beside SimPy in the same run.

Run with ``python benchmarks/kernel_speed.py [rounds]``. Both draw the same kind of numbers; each round runs both, so that a busy moment
falls on both. The target is 300,000 customers a second on a quiet core.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Generator
from functools import partial

import simpy

from simulations.kernel import Loop, Streams
from simulations.queueing import Station
from simulations.queueing.arrivals import feed

CUSTOMERS = {"kernel": 300_000, "SimPy": 50_000}
ARRIVALS_PER_S, SERVERS = 2.4, 3


def kernel(customers: int) -> float:
    """Return the mean wait."""
    loop = Loop()
    station = Station(loop, SERVERS, partial(Streams(1).stream("service").expovariate, 1.0))
    feed(loop, station, partial(Streams(1).stream("arrivals").expovariate, ARRIVALS_PER_S), customers)
    loop.run()
    return station.waited_s / station.served


def peer(customers: int) -> float:
    """Return the mean wait."""
    environment = simpy.Environment()
    servers = simpy.Resource(environment, SERVERS)
    gaps, services = Streams(1).stream("arrivals"), Streams(1).stream("service")
    waited: list[float] = []

    def customer() -> Generator[simpy.Event]:
        came = environment.now
        with servers.request() as request:
            yield request
            waited.append(environment.now - came)
            yield environment.timeout(services.expovariate(1.0))

    def source() -> Generator[simpy.Event]:
        for _ in range(customers):
            yield environment.timeout(gaps.expovariate(ARRIVALS_PER_S))
            environment.process(customer())

    environment.process(source())
    environment.run()
    return statistics.fmean(waited)


def main(rounds: int) -> None:
    """Run both in turn and print customers a second of CPU time."""
    speeds: dict[str, list[float]] = {"kernel": [], "SimPy": []}
    for _ in range(rounds):
        for name, run in (("kernel", kernel), ("SimPy", peer)):
            begun = time.process_time()
            wait_s = run(CUSTOMERS[name])
            speeds[name].append(CUSTOMERS[name] / (time.process_time() - begun))
            assert 0.9 < wait_s < 1.3, "the closed form says 1.0787"
    for name, found in speeds.items():
        print(f"{name:8} {statistics.median(found):9,.0f} customers/s  [{min(found):,.0f}, {max(found):,.0f}] n={rounds}")
    ratio = statistics.median(own / other for own, other in zip(speeds["kernel"], speeds["SimPy"], strict=True))
    print(f"ratio    {ratio:9.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
