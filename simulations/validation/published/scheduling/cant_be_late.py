"""The cost of a job with a deadline on spot machines, in recorded windows of availability."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.spot import DeadlineJob, Prices, always_on_demand, greedy, read_windows
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import within

FOLDER: Final = "spot/cant_be_late"
JOB: Final = DeadlineJob(work_s=48 * 3600, deadline_s=70 * 3600, restart_s=0.05 * 3600)
PRICES: Final = Prices(spot_usd_per_h=0.9731, on_demand_usd_per_h=3.06)
#: Mean USD over the windows of each zone.
PUBLISHED_USD: Final = {"us-west-2a_k80_8": 91.90, "us-west-2a_v100_1": 88.31, "us-west-2b_k80_1": 120.92, "us-west-2b_v100_1": 107.47}
#: 48 hours, and one interval of ten minutes for the start.
ON_DEMAND_USD: Final = 48 * 3.06 + 3.06 / 6


def measure(data: Path) -> Iterator[Figure]:
    """Yield the mean cost in each zone, and the cost without spot machines."""
    for zone, expected in PUBLISHED_USD.items():
        windows = read_windows(data / FOLDER / f"{zone}.jsonl")
        costs = [JOB.run(window, greedy, PRICES).cost_usd for window in windows]
        yield Figure(f"{zone}: greedy, USD", expected, sum(costs) / len(costs), n=len(costs))
    yield Figure("on demand, USD", ON_DEMAND_USD, JOB.run(windows[0], always_on_demand, PRICES).cost_usd)


ROW: Final = Row(
    id="cant-be-late",
    setup="48 h of work, 70 h deadline, 3 min restart, greedy policy, 30 windows of ten-minute intervals in each of four zones",
    source="Wu et al., Can't Be Late, NSDI 2024; traces of FrontierCS/Frontier-CS 4d508c1",
    expected="$91.90, $88.31, $120.92, $107.47",
    tolerance=within(0.005, "USD"),
    measure=measure,
    files=tuple(f"{FOLDER}/{zone}.jsonl" for zone in PUBLISHED_USD),
)
