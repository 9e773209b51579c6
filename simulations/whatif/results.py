"""The results of a what-if: one per scenario, the baseline first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from foundation.measures.outcome import Outcome
    from simulations.bands import Band
    from simulations.cost import GpuLedger
    from simulations.statistics import Comparison, Interval
    from simulations.whatif.incidents import Incidents
    from stacks.pricing.costs import Cost

#: The metrics that scenarios are compared by, and whether less is better; None: neither is, as a busy replica is used or in danger.
METRICS: Final[dict[str, bool | None]] = {
    "p50_ttft_ms": True,
    "p95_ttft_ms": True,
    "p95_tpot_ms": True,
    "p95_e2e_ms": True,
    "output_tokens_per_s": False,
    "good_share": False,
    "replicas_running": False,
    "utilisation": None,
    "usd_per_million_output_tokens": True,
}
#: Those that must be known to 5 % before the replications end.
HEADLINES: Final = ("p95_ttft_ms", "p95_e2e_ms", "output_tokens_per_s", "good_share")


@dataclass(frozen=True, slots=True)
class Scaled:
    """What the autoscalers did.

    ``timeline`` is the number of ready replicas from each second on, in the first replication; ``least`` and ``most`` are over all of them.
    ``added_nodes`` is the mean number of added nodes that were paid for, ``usd_per_hour`` their price, None if a pool has no price.
    """

    timeline: tuple[tuple[float, int], ...]
    least: int
    most: int
    added_nodes: float
    usd_per_hour: float | None


@dataclass(frozen=True)
class ScenarioResult:
    """The answer to one scenario.

    ``outcome`` pools the requests of all replications. ``availability`` is the share of good requests, None without requests.
    ``calibration`` is the name of the coefficients used. ``replicas`` is the desired number, ``replicas_running`` the mean over the run.
    ``gpu_utilisation`` is the share of all GPU seconds during which an engine had work, None without GPUs. ``unschedulable`` maps pods
    without a node to the reason. ``metrics`` holds the mean of each of :data:`METRICS` over the replications, with the paired difference to
    the baseline. ``stopped`` says why no more were run. ``values`` holds each of :data:`METRICS` for every replication, and ``each`` their
    outcomes, in the order in which all scenarios share their random numbers. ``scaled`` is what the autoscalers did, None without one;
    ``cost`` is that of the nodes of the start, and the price of a token has that of added ones, too. ``incidents`` is one run in which
    something was away. ``distributions`` are the quantiles of each latency by the share of requests that are at least as fast.
    ``bands`` say how far each of these may be off, empty if that was not asked.
    """

    name: str
    outcome: Outcome
    cost: Cost
    availability: float | None
    replicas: int
    replicas_running: float
    gpu_utilisation: float | None
    gpu_seconds: GpuLedger
    unschedulable: Mapping[str, str]
    usd_per_million_output_tokens: float | None
    metrics: Mapping[str, Comparison]
    replications: int
    stopped: Literal["precise", "cap"]
    calibration: str
    notes: tuple[str, ...]
    values: Mapping[str, Sequence[float]]
    each: Sequence[Outcome]
    scaled: Scaled | None = None
    incidents: Incidents | None = None
    distributions: Mapping[str, Mapping[float, Interval]] = field(default_factory=dict)
    bands: Mapping[str, Mapping[float, Band]] = field(default_factory=dict)
