"""The gate before the verdict: is this measurement one of the engines, or one of the generator?

Rule: only the instrument makes a run invalid. Failed requests and too few samples are what the engines and the plan made of it; what
they leave undecided is told by ``foundation.measures.samples``.
A closed loop that was asked for a rate and fell clearly short of it is no measurement at that rate, whoever was too slow.
Limits: a send lag whose p99 is over 10 ms, a generator that uses 90 % of its core, and sends under 99 % of the offered rate are
common ground of the tools in the field. The users of a closed loop ask at random times, so theirs is wider: under 90 % and more than
three standard deviations of a Poisson count below what was due after the first second, in which they come.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from foundation.measures import Outcome
    from loadtests.measurement.generator import GeneratorStats

LAG_P99_LIMIT_MS: Final = 10.0
CPU_SHARE_LIMIT: Final = 0.9
ACHIEVED_SHARE_LIMIT: Final = 0.99
CLOSED_LOOP_SHARE_LIMIT: Final = 0.9
USERS_COME_S: Final = 1.0


def invalid_reasons(outcome: Outcome, generator: GeneratorStats) -> tuple[str, ...]:
    """Return why the run does not count; empty for a valid run."""
    if not outcome.requests:
        return ("nothing was measured: no request was sent",)
    return tuple(_instrument(generator))


def _instrument(generator: GeneratorStats) -> list[str]:
    reasons = []
    if generator.lag_p99_ms is not None and generator.lag_p99_ms > LAG_P99_LIMIT_MS:
        reasons.append(
            f"the generator sent late: the p99 of its send lag is {generator.lag_p99_ms:.1f} ms, allowed are {LAG_P99_LIMIT_MS:g} ms; "
            "leave it a core of its own, or lower the rate"
        )
    if generator.cpu_share >= CPU_SHARE_LIMIT:
        reasons.append(
            f"the generator was saturated: it used {generator.cpu_share:.0%} of a core, allowed are under {CPU_SHARE_LIMIT:.0%}; "
            f"lower the rate{', or generate the load with more --processes' if generator.kind == 'closed-loop' else ''}"
        )
    if generator.kind == "closed-loop":
        if _short_of_the_rate(generator):
            reasons.append(
                f"asked were {generator.offered_per_s:.3g}/s, and {generator.achieved_per_s:.3g}/s were sent ({generator.sent} of about "
                f"{generator.planned} requests): the engine answered too slowly, or there are too few users; lower the rate, or give "
                "more --users"
            )
    elif generator.achieved_share < ACHIEVED_SHARE_LIMIT:
        reasons.append(
            f"the generator fell behind: it sent {generator.sent} of {generator.planned} requests, at {generator.achieved_per_s:.2f}/s "
            f"where {generator.offered_per_s:.2f}/s were due ({generator.achieved_share:.1%}, wanted are {ACHIEVED_SHARE_LIMIT:.0%}); "
            "lower the rate"
        )
    return reasons


def _short_of_the_rate(generator: GeneratorStats) -> bool:
    due = max(0.0, generator.planned - generator.offered_per_s * USERS_COME_S)
    return generator.sent < min(due * CLOSED_LOOP_SHARE_LIMIT, due - 3 * math.sqrt(due))
