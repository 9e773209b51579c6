"""The time that a gateway adds to a request, measured here: the same question through it and past it, in turn."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.chat import WireRequests
from foundation.measures.outcome import Status
from foundation.wire import Target
from loadtests.users.exchange import exchange
from stacks.traffic.request import PlannedRequest

if TYPE_CHECKING:
    from sandtable.jobs.gateway.running import RunningGateway
    from sandtable.terminal import Steps

_PAIRS: Final = 40
_WARM_UP: Final = 4
_PROMPT_TOKENS, _OUTPUT_TOKENS = 16, 2
_LIMIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Overhead:
    """``added_s`` is the median difference of ``n`` pairs, ``own_p95_ms`` the p95 of the time that the gateway reports itself."""

    added_s: float
    provenance: str
    n: int = 0
    own_p95_ms: float | None = None


#: Where it cannot be measured; the gateway's own benchmark has about this on one core (`nox -s bench_gateway`).
ASSUMED: Final = Overhead(0.0011, "assumed")


def measure_overhead(gateway: RunningGateway, engine_url: str, steps: Steps) -> Overhead:
    """Measure it, as a step, on the idle engine behind the first route that leads to one."""
    deployed = gateway.deployed
    routes = deployed.configuration.routes.items()
    route = next((name for name, route in routes if route.targets and deployed.is_engine(route.targets[0].provider)), None)
    if route is None:
        return ASSUMED
    with steps.step("gateway's time") as step:
        found = _pairs(gateway, engine_url, route)
        if len(found) < _PAIRS // 2:
            step.skip(f"{len(found)} of {_PAIRS} pairs were answered; {ASSUMED.added_s * 1e3:g} ms are assumed")
            return ASSUMED
        added_s = max(0.0, statistics.median(added for added, _ in found))
        own = statistics.quantiles((own_ms for _, own_ms in found), n=20, method="inclusive")[-1]
        step.note(f"it adds {added_s * 1e3:.2f} ms to the first token (median of {len(found)} pairs); its own p95 is {own:.2f} ms")
        return Overhead(added_s, "measured", len(found), own)


def _pairs(gateway: RunningGateway, engine_url: str, route: str) -> list[tuple[float, float]]:
    """Return (seconds added, the gateway's own milliseconds) of each pair, without those that warm up."""
    straight = WireRequests(model="synthetic", seed=1)
    through = WireRequests(model=route, api_key=gateway.key, seed=1)
    found = []
    for number in range(_WARM_UP + _PAIRS):
        # No prompt twice, so that neither a cache of the engine nor the gateway's own can answer.
        question = PlannedRequest(number, 0.0, _PROMPT_TOKENS, _OUTPUT_TOKENS)
        engine, door = Target.parse(engine_url), Target.parse(gateway.url)
        past_s, _ = _ask(straight, question, engine)
        through_s, own_ms = _ask(through, question, door)
        if past_s is not None and through_s is not None and number >= _WARM_UP:
            found.append((through_s - past_s, own_ms))
    return found


def _ask(requests: WireRequests, question: PlannedRequest, target: Target) -> tuple[float | None, float]:
    sent_s, answer = exchange(target, requests.encode(question, target), timeout_s=_LIMIT_S, tls=None)
    if answer.status is not Status.OK or answer.first is None:
        return None, 0.0
    return answer.first - sent_s, float(answer.header("x-gateway-overhead-ms") or 0.0)
