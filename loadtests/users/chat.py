"""The chat user: sends a request, reads the stream, waits, and repeats. Importing this imports Locust, which patches the whole process.

A user waits for its response before the next request, so a slow engine gets fewer requests: latencies under overload look better than in an
open loop (coordinated omission). Verdicts are based on ``loadtests.open_loop``.

With an interval, requests are due at times that do not shift when a response is late. A user who is behind sends immediately until it has
caught up, so the rate is met as long as not all users are waiting for responses.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Final

from locust import User, task
from locust.exception import StopTest

from foundation.measures.outcome import Status
from loadtests.users.exchange import exchange
from loadtests.users.session import Session

if TYPE_CHECKING:
    from stacks.traffic import PlannedRequest

_AFTER_FAILURE_S: Final = 1.0
"""Pause after a failed request, without which a few users would flood an engine that refuses connections."""


def _name(request: PlannedRequest) -> str:
    """Return the name of a request in Locust's statistics: what is asked of which route on which wire."""
    if not request.route:
        return "chat completion"
    return f"{request.wire} {request.route}{'' if request.asks == 'plain' else f' ({request.asks})'}"


class ChatError(Exception):
    """Why a request counts as failed in Locust's statistics."""


class ChatUser(User):
    """Sends streaming chat completions, as the traffic mixes wires and routes, and reports their times as Locust statistics.

    ``POST chat completion`` is the time to the last token in ms; with a mix there is a line for each wire, route and kind of question.
    ``TTFT`` (time to the first token, ms), ``TPOT`` (mean time between output tokens, ms) and ``RATE`` (output tokens per second while
    streaming) cover the good requests. ``LIMITED`` counts requests over their tenant's quota, which are no failures.
    """

    wire: ClassVar[str] = ""
    """The only wire that it speaks; empty: all of the mix."""

    session: ClassVar[Session | None] = None
    """Session of the running test; None if its options are invalid, which is logged."""

    def on_start(self) -> None:
        """Choose a target for the lifetime of this user."""
        self.served = True
        if self.session is None:
            raise StopTest("the options are invalid; see the log")
        if self.wire and all(part.wire != self.wire for part in self.session.options.traffic.mix):
            raise StopTest(f"the traffic's `mix` has no part on the wire {self.wire}; add one, or choose other users")
        self.target = self.session.join()
        self.due = time.monotonic()
        if self.session.options.interval_s:
            self.wait()  # type: ignore[no-untyped-call]  # locust does not type it; a burst of first questions is not the rate

    def wait_time(self) -> float:
        """Return the seconds until the next request: until it is due, and at least the think time."""
        if self.session is None:
            return _AFTER_FAILURE_S
        self.due += self.session.next_interval()
        pause = max(self.session.options.think_time_s, self.due - time.monotonic())
        return pause if self.served else max(pause, _AFTER_FAILURE_S)

    @task
    def chat(self) -> None:
        """Send one request."""
        session = self.session
        assert session is not None, "on_start has looked"
        request = session.next_request(self.wire)
        sent, answer = exchange(
            self.target,
            session.encode(request, self.target),
            timeout_s=session.options.request_timeout_s,
            tls=session.tls_for(self.target),
            answer=session.answer(request),
        )
        session.keep(request, self.target, sent, answer)
        limited, good = answer.status is Status.LIMITED, answer.status is Status.OK
        self.served = good
        tokens = answer.stream.output_tokens
        fire = self.environment.events.request.fire
        fire(
            request_type="LIMITED" if limited else "POST",
            name=_name(request),
            response_time=(answer.finished - sent) * 1e3,
            response_length=tokens,
            exception=None if good or limited else ChatError(answer.error),
            context={},
            start_time=time.time() - (time.monotonic() - sent),
            url=self.target.name,
        )
        if good and answer.first is not None:
            span = answer.finished - answer.first
            figures = {"TTFT": ("time to first token (ms)", (answer.first - sent) * 1e3)}
            if tokens > 1 and span > 0:
                figures["TPOT"] = ("inter-token time (ms)", span * 1e3 / (tokens - 1))
                figures["RATE"] = ("output tokens per second", (tokens - 1) / span)
            for kind, (name, value) in figures.items():
                fire(request_type=kind, name=name, response_time=value, response_length=0, exception=None, context={})
