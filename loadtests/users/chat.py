"""The chat user: asks, reads the stream, waits, asks again. Importing this imports Locust, which patches the whole process.

A user waits for its answer before it asks again, so a slow engine is asked less often: latencies under overload look better than
an open loop would measure them (coordinated omission). Verdicts are built on ``loadtests.open_loop``.

With an interval, questions are due at times that do not move when an answer is late: a user who is behind asks at once until it has
caught up, so the rate is met as long as the users are not all waiting for answers.
"""

from __future__ import annotations

import time
from typing import ClassVar, Final

from locust import User, task
from locust.exception import StopTest

from foundation.measures.outcome import Status
from loadtests.users.exchange import exchange
from loadtests.users.session import Session

_AFTER_FAILURE_S: Final = 1.0
"""Pause after a failed request: without it a few users flood an engine that refuses connections."""


class ChatError(Exception):
    """Why a request counts as failed in Locust's statistics."""


class ChatUser(User):
    """Sends streaming chat completions and fires their times as Locust statistics.

    ``POST chat completion`` is the time to the last token in ms. ``TTFT`` (time to the first token, ms), ``TPOT`` (mean time between
    output tokens, ms) and ``RATE`` (output tokens per second while they come) are of the good requests.
    """

    session: ClassVar[Session | None] = None
    """Of the running test; None where its options cannot be meant, which the log tells."""

    def on_start(self) -> None:
        """Take a target for as long as this user lives."""
        self.served = True
        if self.session is None:
            raise StopTest("the options are invalid; see the log")
        self.target = self.session.join()
        self.due = time.monotonic()
        if self.session.options.interval_s:
            self.wait()  # type: ignore[no-untyped-call]  # locust does not type it; a burst of first questions is not the rate

    def wait_time(self) -> float:
        """Return the seconds until the next question: it is due, and the user has thought."""
        if self.session is None:
            return _AFTER_FAILURE_S
        self.due += self.session.next_interval()
        pause = max(self.session.options.think_time_s, self.due - time.monotonic())
        return pause if self.served else max(pause, _AFTER_FAILURE_S)

    @task
    def chat(self) -> None:
        """Ask once."""
        session = self.session
        assert session is not None, "on_start has looked"
        request = session.next_request()
        sent, answer = exchange(
            self.target,
            session.encode(request, self.target),
            timeout_s=session.options.request_timeout_s,
            tls=session.tls_for(self.target),
        )
        session.keep(request, self.target, sent, answer)
        good = self.served = answer.status is Status.OK
        tokens = answer.stream.output_tokens
        fire = self.environment.events.request.fire
        fire(
            request_type="POST",
            name="chat completion",
            response_time=(answer.finished - sent) * 1e3,
            response_length=tokens,
            exception=None if good else ChatError(answer.error),
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
