"""One request on its way through a gateway: its route, its limits, the cache, and its calls to targets one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from foundation.chat import characters
from foundation.dialects.model.errors import STATUS_OF, ErrorKind, ProviderError, RequestError
from foundation.dialects.model.usage import Usage
from foundation.dialects.paths import Route, chat_path, route_of
from foundation.measures.outcome import RequestRecord, Status
from foundation.measures.served import Served
from simulations.gateway.answers import Stored
from simulations.gateway.emulated import Call
from simulations.kernel import Order
from simulations.serving.port import EngineRequest
from workloads.gateway.caching.exact import cache_key
from workloads.gateway.limits.tenant import Reservation, reserve
from workloads.gateway.money.cost import cost_of, filled
from workloads.gateway.resilience.course import BLAMES_TARGET, Course, Step
from workloads.gateway.routing.choice import choose_route
from workloads.gateway.routing.plan import plan
from workloads.gateway.safety.asked import question, refusal
from workloads.gateway.safety.screening import pieces
from workloads.gateway.serving.inquiry import Inquiry

if TYPE_CHECKING:
    from simulations.gateway.door import GatewayDoor, GatewayReplica
    from simulations.kernel import Event
    from simulations.world import OnEnd
    from stacks.traffic import PlannedRequest
    from workloads.gateway.runtime import Upstream

#: Name of the replica in records of requests that no engine of the stack answered.
GATEWAY: Final = "gateway"
_NOTHING: Final = Usage()


class Journey:
    """One request on its way over its targets."""

    def __init__(self, door: GatewayDoor, replica: GatewayReplica, request: EngineRequest, planned: PlannedRequest, on_end: OnEnd) -> None:
        self._door = door
        self._replica = replica
        self._request = request
        self._planned = planned
        self._on_end = on_end
        self._question = door.texts.question(planned)
        self._holder = door.model.holder(replica.runtime, planned.tenant)
        self._course: Course | None = None
        self._reservation: Reservation | None = None
        self._flight: bytes | None = None  # others may wait for the answer to this request
        self._ended = False
        self._leaving: Event | None = None
        self._attempts = 0
        self._answered_by = GATEWAY

    def begin(self) -> None:
        """Choose the route, screen, reserve, look into the cache, and make the first call."""
        door, runtime, now_s = self._door, self._replica.runtime, self._door.loop.now_s
        self._leaving = door.loop.at(max(now_s, self._request.at_s + door.timeout_s), self._leave, Order.LEAVING)
        try:
            inquiry = Inquiry(_path(self._planned), door.texts.body(self._planned))
            route, _ = choose_route(runtime, inquiry, self._holder.tenant)
        except RequestError as error:
            self._end(ProviderError(error.kind, str(error), STATUS_OF[error.kind]))
            return
        if runtime.constitution is not None:
            verdicts = map(runtime.constitution.of_request, pieces(question(inquiry.request)))
            if broken := next((verdict for verdict in verdicts if not verdict.allowed), None):
                self._end(refusal(broken))
                return
        unix_s = door.model.unix_s + now_s
        targets = plan(
            route,
            regions=self._holder.regions,
            prompt_tokens=inquiry.prompt_tokens,
            now_s=now_s,
            random=runtime.random,
            prices=runtime.prices,
            unix_s=unix_s,
        )
        if isinstance(targets, ProviderError):
            self._end(targets)
            return
        reserved = reserve(
            self._holder.meters,
            input_tokens=inquiry.prompt_tokens,
            output_tokens=inquiry.output_tokens,
            cost=self._cost(targets[0], Usage(inquiry.prompt_tokens, inquiry.output_tokens)),
            now_s=now_s,
            unix_s=unix_s,
        )
        if isinstance(reserved, ProviderError):
            self._end(reserved, status=Status.LIMITED)
            return
        self._reservation = reserved
        deadline_s = now_s + targets[0].settings.timeouts.total_s
        self._course = Course(targets, runtime.configuration.retries, runtime.backoff, runtime.retry_budget, runtime.random, deadline_s)
        # A text that comes once can be neither in the cache nor on its way.
        if self._planned.text is not None and route.settings.cache and self._replica.cache.holds_anything and inquiry.repeatable:
            key = cache_key(self._holder.tenant, f"{route.name}/{inquiry.stream}", self._planned.wire, inquiry.document)
            if (stored := self._replica.cache.get(key)) is not None:
                self._from_cache(stored)
                return
            if self._replica.flights.join(key, self._landed):
                return
            self._flight = key
        self._set_out()

    def _landed(self, answer: Stored | None) -> None:
        """Take the answer to the same request, or make a call of one's own."""
        if self._ended:
            return
        if answer is None:
            self._set_out()
        else:
            self._from_cache(answer)

    def _from_cache(self, answer: Stored) -> None:
        """End with an answer that costs nothing and comes at once."""
        upstream = self._replica.runtime.upstreams[answer.target]
        self._end(None, self._door.loop.now_s, answer.tokens, upstream, cached=True)

    def _set_out(self) -> None:
        assert self._course is not None
        self._replica.runtime.retry_budget.earn()
        self._go(self._course.first())

    def _go(self, step: Step) -> None:
        loop = self._door.loop
        if step.wait_s:
            loop.at(loop.now_s + step.wait_s, lambda: self._call(step.upstream), Order.ARRIVAL)
        else:
            self._call(step.upstream)

    def _call(self, upstream: Upstream) -> None:
        if self._ended:
            return
        door, now_s = self._door, self._door.loop.now_s
        assert self._course is not None
        self._attempts = self._course.attempts
        if not upstream.breaker.enter(now_s):
            self._after(ProviderError(ErrorKind.OVERLOADED, "the target's breaker is open", 503))
            return
        upstream.load.in_flight += 1
        provider = upstream.name.partition("/")[0]
        if door.model.deployed.is_engine(provider):
            number = -1 - next(door.attempts)
            # The engine's tokenizer has a token a character (``foundation/chat/requests.py``), earlier turns and documents included.
            prompt, answer = characters(self._question), self._request.output_tokens
            attempt = EngineRequest(number, self._request.at_s, prompt, answer, self._request.prefix)
            door.engines.submit(attempt, lambda _request, record: self._engine_ended(upstream, record, now_s))
            return
        question = replace(self._question, model=upstream.model)
        dialect = upstream.settings.dialect
        call = door.providers.call(provider, dialect, question, upstream.settings.timeouts, now_s)
        door.providers.in_hand += 1
        door.loop.at(now_s + call.end_s, lambda: self._provider_ended(upstream, call, now_s), Order.STEPS)

    def _provider_ended(self, upstream: Upstream, call: Call, began_s: float) -> None:
        self._answered_by = GATEWAY
        self._door.providers.in_hand -= 1
        self._call_ended(upstream, call, began_s)

    def _engine_ended(self, upstream: Upstream, record: RequestRecord, began_s: float) -> None:
        error = None
        if record.status is Status.REJECTED:
            error = ProviderError(ErrorKind.CONTEXT_LENGTH, record.error or "", 400)
        elif record.status is Status.FAILED:
            kind = ErrorKind.CONNECTION if record.first_token_s is None else ErrorKind.TRUNCATED
            error = ProviderError(kind, record.error or "", 502)
        self._answered_by = record.replica or GATEWAY
        first_s = None if record.first_token_s is None else record.first_token_s - began_s
        usage = Usage(record.prompt_tokens, record.output_tokens)
        self._call_ended(upstream, Call(record.finished_s - began_s, first_s, record.output_tokens, usage, error), began_s)

    def _call_ended(self, upstream: Upstream, call: Call, began_s: float) -> None:
        """Report a call to breaker and load; end the request, or try what is next."""
        now_s, error = self._door.loop.now_s, call.error
        upstream.load.in_flight -= 1
        if self._ended:  # the client has left
            upstream.breaker.abandon(began_s)
            return
        failed = error is not None and error.kind in BLAMES_TARGET
        slow_s = now_s - began_s if error is not None or call.first_s is None else call.first_s
        retry_after_s = error.retry_after_s if error is not None else None
        upstream.breaker.leave(now_s, began_s=began_s, failed=failed, took_s=slow_s, retry_after_s=retry_after_s if failed else None)
        if error is not None and error.kind is ErrorKind.RATE_LIMIT and retry_after_s:
            upstream.load.rests(now_s, retry_after_s)
        if error is None and call.first_s is not None:
            upstream.load.saw(began_s + call.first_s - self._request.at_s)
        if error is None or call.first_s is not None:  # an answer that has begun is not repeated
            first_s = None if call.first_s is None else began_s + call.first_s
            self._end(error, first_s, call.tokens, upstream, call.usage)
        else:
            self._after(error)

    def _after(self, error: ProviderError) -> None:
        assert self._course is not None
        step = self._course.after(error, self._door.loop.now_s)
        if isinstance(step, Step):
            self._go(step)
        else:
            self._end(step)

    def _leave(self) -> None:
        if not self._ended:
            why = f"no end after {self._door.timeout_s:g} s"
            self._end(ProviderError(ErrorKind.TIMEOUT, why, 504))

    def _end(
        self,
        error: ProviderError | None,
        first_s: float | None = None,
        tokens: int = 0,
        upstream: Upstream | None = None,
        usage: Usage = _NOTHING,
        *,
        status: Status = Status.FAILED,
        cached: bool = False,
    ) -> None:
        """End the request; ``status`` is that of one with an ``error``."""
        self._ended = True
        if self._leaving is not None:
            self._leaving.cancel()
        now_s = self._door.loop.now_s
        cost = 0
        if upstream is not None and not cached:
            usage, _ = filled(usage, prompt_estimate=self._request.prompt_tokens, output_estimate=tokens)
            cost = self._cost(upstream, usage)
        if self._reservation is not None:
            self._reservation.settle(usage.prompt_tokens, usage.output_tokens or 0, cost, now_s, self._door.model.unix_s + now_s)
        served = Served(
            self._planned.route,
            upstream.settings.label if upstream else "",
            upstream.model if upstream else "",
            self._attempts,
            cost,
            self._door.model.overhead_s * 1e3,
        )
        record = RequestRecord(
            intended_s=self._request.at_s,
            sent_s=self._request.at_s,
            first_token_s=first_s,
            finished_s=now_s,
            prompt_tokens=self._request.prompt_tokens,
            output_tokens=tokens,
            replica=self._answered_by,
            status=Status.OK if error is None else status,
            error=error.message if error is not None else None,
            served=served,
        )
        self._on_end(self._request, record)
        self._land(upstream, tokens if error is None else None)

    def _land(self, upstream: Upstream | None, tokens: int | None) -> None:
        """Keep the answer for those who ask the same, if there is one; ``tokens`` is None after a failure."""
        key, self._flight = self._flight, None
        if key is None:
            return
        answer = None if upstream is None or tokens is None else Stored(upstream.name, tokens)
        if answer is not None:
            self._replica.cache.put(key, answer)
        self._replica.flights.land(key, answer)

    def _cost(self, upstream: Upstream, usage: Usage) -> int:
        return cost_of(
            usage,
            provider=upstream.settings.label,
            model=upstream.model,
            book=self._replica.runtime.prices,
            unix_s=self._door.model.unix_s + self._door.loop.now_s,
            own_price=upstream.price,
        ).nano_usd


def _path(planned: PlannedRequest) -> Route:
    route = route_of(chat_path(planned.wire, planned.route, stream=True).partition("?")[0])
    assert route is not None, "every wire has a path"
    return route
