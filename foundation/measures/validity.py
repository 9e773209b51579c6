"""When a measurement is valid: every check before the verdict, its limit, and the message if it fails.

Rule 1: only the generator, the machine or the death of an engine makes a run invalid. Failed requests and too few samples are results of
the engines and the plan; ``foundation.measures.samples`` reports what they leave undecided.
Rule 2: a closed loop that falls clearly short of its planned rate is not a measurement at that rate, whatever the cause.
Rule 3: a message states the observation, the limit and the remedy.

Limits of the generator: a send lag whose p99 is over 10 ms, a generator that uses 90 % of its core, and sends under 99 % of the offered
rate are common limits of load-testing tools. The users of a closed loop send at random times, so their limit is wider: under 90 %, and more
than three standard deviations of a Poisson count below the number due after the first second, in which the users start.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

LAG_P99_LIMIT_MS: Final = 10.0
CPU_SHARE_LIMIT: Final = 0.9
ACHIEVED_SHARE_LIMIT: Final = 0.99
CLOSED_LOOP_SHARE_LIMIT: Final = 0.9
USERS_COME_S: Final = 1.0
#: Share of the load's time that the engines' threads may wait for a core: above it, other programs distort the measurement.
WAITED_SHARE_LIMIT: Final = 0.2
#: Three times the error on a quiet machine; a prediction cannot be better than its coefficients.
FIT_LIMIT: Final = 0.15
#: Five times the error on a quiet machine for the requests of the mixed load, which overlap at random.
LOAD_FIT_LIMIT: Final = 0.25
#: Twice the drift of a shared machine over the two minutes of a load test. The mean of the two speeds is then off by up to half as much,
#: and a larger change of the yardstick is more likely a disturbance than a speed.
DRIFT_LIMIT: Final = 0.25


class Generator(Protocol):
    """The statistics of a load generator; ``loadtests.measurement.GeneratorStats`` documents the fields."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def planned(self) -> int: ...  # noqa: D102
    @property
    def sent(self) -> int: ...  # noqa: D102
    @property
    def cpu_share(self) -> float: ...  # noqa: D102
    @property
    def offered_per_s(self) -> float: ...  # noqa: D102
    @property
    def achieved_per_s(self) -> float: ...  # noqa: D102
    @property
    def achieved_share(self) -> float: ...  # noqa: D102
    @property
    def lag_p99_ms(self) -> float | None: ...  # noqa: D102


class Fit(Protocol):
    """How well coefficients reproduce the observations that they were fitted to."""

    @property
    def median_error(self) -> float: ...  # noqa: D102
    @property
    def n(self) -> int: ...  # noqa: D102


def generator_faults(requests: int, generator: Generator) -> tuple[str, ...]:
    """Return why the generator invalidates a run with ``requests``; empty if it does not."""
    if not requests:
        return ("nothing was measured: no request was sent",)
    reasons = []
    if generator.lag_p99_ms is not None and generator.lag_p99_ms > LAG_P99_LIMIT_MS:
        reasons.append(
            f"the generator sent late: the p99 of its send lag is {generator.lag_p99_ms:.1f} ms, the limit {LAG_P99_LIMIT_MS:g} ms; "
            "leave it a core of its own, or lower the rate"
        )
    if generator.cpu_share >= CPU_SHARE_LIMIT:
        reasons.append(
            f"the generator was saturated: it used {generator.cpu_share:.0%} of a core, the limit is {CPU_SHARE_LIMIT:.0%}; "
            f"lower the rate{', or generate the load with more --processes' if generator.kind == 'closed-loop' else ''}"
        )
    if generator.kind == "closed-loop":
        if _short_of_the_rate(generator):
            reasons.append(
                f"the rate was not reached: {generator.achieved_per_s:.3g}/s of {generator.offered_per_s:.3g}/s ({generator.sent} of about "
                f"{generator.planned} requests): the engine answered too slowly, or there are too few users; lower the rate, or give "
                "more --users"
            )
    elif generator.achieved_share < ACHIEVED_SHARE_LIMIT:
        reasons.append(
            f"the generator fell behind: it sent {generator.sent} of {generator.planned} requests, at {generator.achieved_per_s:.2f}/s "
            f"where {generator.offered_per_s:.2f}/s were due ({generator.achieved_share:.1%}, at least {ACHIEVED_SHARE_LIMIT:.0%} are "
            "needed); lower the rate"
        )
    return tuple(reasons)


def _short_of_the_rate(generator: Generator) -> bool:
    due = max(0.0, generator.planned - generator.offered_per_s * USERS_COME_S)
    return generator.sent < min(due * CLOSED_LOOP_SHARE_LIMIT, due - 3 * math.sqrt(due))


def engine_disturbances(ends: Sequence[str], waited_share: float) -> tuple[str, ...]:
    """Return what happened to the engines under load that invalidates the measurement; empty if nothing did.

    Args:
        ends: how each engine that exited ended.
        waited_share: share of the load's time that an engine's threads waited for a core, averaged over the engines.
    """
    reasons = [f"an engine died during the load: {end}" for end in ends[:1]]
    if waited_share > WAITED_SHARE_LIMIT:
        reasons.append(
            f"other programs took the engines' cores: their threads waited {waited_share:.0%} of the time, the limit is "
            f"{WAITED_SHARE_LIMIT:.0%}; run again when the machine is quiet"
        )
    return tuple(reasons)


def calibration_doubt(fit: Fit | None, load_fit: Fit | None, drift: float | None, pace: float | None) -> str | None:
    """Return why a prediction from measured coefficients is not valid; None if it is.

    Args:
        fit: over the isolated experiments.
        load_fit: over the requests of the mixed load.
        drift: how much slower the engine was after a load than before, as a share of before.
        pace: how long a yardstick took during the load, as a ratio to the mixed loads on both sides of it.
    """
    remedy = "something else used the machine, so run again when it is quiet"
    for found, limit, what in ((fit, FIT_LIMIT, "experiments"), (load_fit, LOAD_FIT_LIMIT, "mixed load")):
        if found is not None and found.median_error > limit:
            return (
                f"the calibration reproduces its own {what} only within {found.median_error:.0%} in the median (n={found.n}), the limit "
                f"is {limit:.0%}; {remedy}"
            )
    if drift is not None and abs(drift) > DRIFT_LIMIT:
        return f"after the load the engine was {slower(drift)} than before, the limit is {DRIFT_LIMIT:.0%}; {remedy}"
    if pace is not None and abs(pace - 1) > DRIFT_LIMIT:
        return f"during the load the machine was {slower(pace - 1)} than on both sides of it, the limit is {DRIFT_LIMIT:.0%}; {remedy}"
    return None


def slower(share: float) -> str:
    """Return ``3% slower``, or ``3% faster`` for a negative share."""
    return f"{abs(share):.0%} {'slower' if share > 0 else 'faster'}"
