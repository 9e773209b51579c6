"""A job with a deadline on spot and on-demand machines (Wu et al., Can't Be Late, NSDI 2024).

Time goes in the intervals of the trace, and every interval that has begun is paid for. A machine that has just been started works only
after the restart overhead. Whatever a policy chooses, the job must not be late: two rules override it while there is just enough time left.

Rule 1: where the rest of the work and one more restart would take all the time that is left, only a spot machine that is already working
may go on; else an on-demand machine takes over.
Rule 2: where two more restarts would take all of it, no spot machine is started any more, since it could be lost.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.errors import SimulationError

if TYPE_CHECKING:
    from simulations.spot.windows import Window


class Machine(enum.Enum):
    """What a job runs on during an interval."""

    NONE = "none"
    SPOT = "spot"
    ON_DEMAND = "on demand"


#: Chooses a machine for the next interval, given the current one and whether spot capacity is available.
Policy = Callable[[Machine, bool], Machine]


def greedy(_current: Machine, available: bool) -> Machine:
    """Use spot whenever it is available, else wait."""
    return Machine.SPOT if available else Machine.NONE


def always_on_demand(_current: Machine, _available: bool) -> Machine:
    """Use no spot at all: the bound from above."""
    return Machine.ON_DEMAND


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per hour of each kind of machine."""

    spot_usd_per_h: float
    on_demand_usd_per_h: float

    def of(self, machine: Machine) -> float:
        """Return the hourly price of ``machine``."""
        return {Machine.NONE: 0.0, Machine.SPOT: self.spot_usd_per_h, Machine.ON_DEMAND: self.on_demand_usd_per_h}[machine]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job cost, when it ended, in seconds, and how often it lost or changed its machine."""

    cost_usd: float
    ended_s: float
    starts: int


#: Work below this is rounding.
_DONE_S: Final = 1e-3


@dataclass(frozen=True, slots=True)
class DeadlineJob:
    """``work_s`` seconds of work due within ``deadline_s``; each start of a machine takes ``restart_s``.

    Raises:
        SimulationError: the deadline cannot be kept even on demand.
    """

    work_s: float
    deadline_s: float
    restart_s: float

    def __post_init__(self) -> None:
        if self.work_s + self.restart_s > self.deadline_s:
            raise SimulationError(f"{self.work_s} s of work and a start of {self.restart_s} s do not fit into {self.deadline_s} s")

    def run(self, window: Window, policy: Policy, prices: Prices) -> Outcome:
        """Run the job in ``window``; after its end there is no spot capacity."""
        machine, starting_s, left_s, cost_usd, starts = Machine.NONE, 0.0, self.work_s, 0.0, 0
        for tick in range(math.ceil(self.deadline_s / window.gap_s) + 1):
            available = tick < len(window.available) and window.available[tick]
            if machine is not Machine.NONE:
                left_s -= min(max(window.gap_s - starting_s, 0.0), left_s)
                starting_s = max(starting_s - window.gap_s, 0.0)
            if machine is Machine.SPOT and not available:
                machine = Machine.NONE
            if left_s <= _DONE_S:
                return Outcome(cost_usd, tick * window.gap_s, starts)
            chosen = self._in_time(policy(machine, available), machine, left_s, tick, window.gap_s, working=starting_s <= _DONE_S)
            if chosen not in {machine, Machine.NONE}:
                starting_s, starts = self.restart_s, starts + 1
            machine = chosen
            cost_usd += prices.of(machine) * window.gap_s / 3600
        raise SimulationError(f"window {window.name}: the job is late")

    def _in_time(self, chosen: Machine, machine: Machine, left_s: float, tick: int, gap_s: float, *, working: bool) -> Machine:
        intervals = math.floor((self.deadline_s - tick * gap_s) / gap_s)
        if math.ceil((left_s + 2 * self.restart_s) / gap_s) >= intervals and machine is not Machine.SPOT:
            chosen = Machine.ON_DEMAND
        if math.ceil((left_s + self.restart_s) / gap_s) >= intervals:
            chosen = Machine.SPOT if machine is Machine.SPOT and working else Machine.ON_DEMAND
        return chosen
