"""The time that a gateway adds to a request, measured here before the load.

Rule 1: what it adds to the first token is the difference of the same question through it and past it, in turn, on the idle engine.
Rule 2: the spread of its own time is that of a short load at the planned rate. Alone, a gateway finds its caches warm and its core free;
in a load it wakes up cold between requests and shares the core with generator, emulator and the frames of other streams.
Rule 3: neither uses up a tenant's limits: both are asked by a tenant of their own.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.chat import WireRequests
from foundation.measures import quantiles, samples_needed
from foundation.measures.outcome import Status
from foundation.wire import Target
from loadtests.users.exchange import exchange
from sandtable.jobs.gateway.running import CALIBRATION
from stacks.traffic.request import PlannedRequest

if TYPE_CHECKING:
    from foundation.measures import Quantiles
    from sandtable.jobs.engines.trial import Setting
    from sandtable.jobs.gateway.running import RunningGateway

_PAIRS: Final = 40
_WARM_UP: Final = 4
_OTHER_TEXTS: Final = 2  # the load of the faults has the seed after that of the load
_PAIRED_TEXTS: Final = 3
_PROMPT_TOKENS, _OUTPUT_TOKENS = 16, 2
_LIMIT_S: Final = 10.0
#: The short load has as many requests as bound a p95 from above, within this time.
_LEAST_S, _MOST_S = 3.0, 12.0


@dataclass(frozen=True, slots=True)
class Overhead:
    """``added_s`` is the median difference of ``n`` pairs.

    ``own_p95_ms`` is the p95 of the time that the gateway reports itself, over ``own_n`` requests at the planned rate.
    """

    added_s: float
    provenance: str
    n: int = 0
    own_p95_ms: float | None = None
    own_n: int = 0


#: Where it cannot be measured; the gateway's own benchmark has about this on one core (`nox -s bench_gateway`).
ASSUMED: Final = Overhead(0.0011, "assumed")


def measure_overhead(gateway: RunningGateway, engine_url: str, setting: Setting) -> Overhead:
    """Measure it, as a step, on the engine behind the first route that leads to one, and with the load of ``setting``.

    Raises:
        LoadTestError: the generator cannot work.
    """
    deployed = gateway.deployed
    routes = deployed.configuration.routes.items()
    route = next((name for name, route in routes if route.targets and deployed.is_engine(route.targets[0].provider)), None)
    if route is None:
        return ASSUMED
    with setting.steps.step("gateway's time") as step:
        found = _pairs(gateway, engine_url, route, setting.texts_seed + _PAIRED_TEXTS)
        if len(found) < _PAIRS // 2:
            step.skip(f"{len(found)} of {_PAIRS} pairs were answered; {ASSUMED.added_s * 1e3:g} ms are assumed")
            return ASSUMED
        added_s = max(0.0, statistics.median(found))
        own = _own_ms(gateway, setting)
        step.note(f"{added_s * 1e3:.2f} ms to the first token (median of {len(found)} pairs); its own p95 is {own.p95:.2f} ms under load")
        return Overhead(added_s, "measured", len(found), own.p95 if own.n else None, own.n)


def _own_ms(gateway: RunningGateway, setting: Setting) -> Quantiles:
    """Send a short load at the planned rate, other requests than those of the load test; return the gateway's own time."""
    from loadtests import open_loop
    from stacks.traffic import plan

    traffic, seed, texts_seed = setting.environment.traffic, setting.seed + _OTHER_TEXTS, setting.texts_seed + _OTHER_TEXTS
    span_s = max(_LEAST_S, min(_MOST_S, samples_needed(95) / traffic.rate_per_s))
    requests = plan(traffic, seed=seed, root=setting.space.root, duration_s=span_s)
    seen = open_loop.run(requests, [gateway.url], api_key=gateway.keys[CALIBRATION], seed=seed, texts_seed=texts_seed)
    return quantiles(r.served.overhead_ms for r in seen.records if r.served is not None and r.served.overhead_ms is not None)


def _pairs(gateway: RunningGateway, engine_url: str, route: str, texts_seed: int) -> list[float]:
    """Return the seconds added in each pair, without those that warm up."""
    straight = WireRequests(model="synthetic", seed=texts_seed)
    through = WireRequests(model=route, api_key=gateway.keys[CALIBRATION], seed=texts_seed)
    found = []
    for number in range(_WARM_UP + _PAIRS):
        # No prompt twice, so that neither a cache of the engine nor the gateway's own can answer.
        question = PlannedRequest(number, 0.0, _PROMPT_TOKENS, _OUTPUT_TOKENS)
        engine, door = Target.parse(engine_url), Target.parse(gateway.url)
        past_s, through_s = _first_token_s(straight, question, engine), _first_token_s(through, question, door)
        if past_s is not None and through_s is not None and number >= _WARM_UP:
            found.append(through_s - past_s)
    return found


def _first_token_s(requests: WireRequests, question: PlannedRequest, target: Target) -> float | None:
    sent_s, answer = exchange(target, requests.encode(question, target), timeout_s=_LIMIT_S, tls=None)
    return None if answer.status is not Status.OK or answer.first is None else answer.first - sent_s
