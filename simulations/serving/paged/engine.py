"""One replica under vLLM's version 1 scheduler (``vllm/v1/core/sched/scheduler.py``): continuous batching over paged keys and values.

Rule 1: each step computes one token for every sequence that generates, then tokens of the prompts under way, then of waiting requests,
first come, first served, up to the step's tokens, the sequences and the blocks. Prompts are cut into chunks to fit.
Rule 2: if the blocks do not suffice for what runs, the sequence that was admitted last is preempted: it gives its blocks back, waits in
front of the others, and computes its tokens again. Nobody is admitted in a step that preempts.
Rule 3: all tokens of a step appear at its end; the step that completes a prompt produces the first token of the response.
Rule 4: a request that arrives during a step, or as it begins, joins the next one. A prompt that fills the context is rejected; a response
ends when the context is full. The scheduler does not know how long a response will be.
Rule 5: a client that gives up frees its place in the queue at once, its blocks at the end of the step.
Rule 6: steps are events, tokens are not. A run of steps in which only contexts grow is one event, which is cut short if something
interrupts it; the result is the same as stepping one by one.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import REQUEST_TIMEOUT_S, Status
from simulations.kernel import LedgerError, Order
from simulations.serving.clients import Clients
from simulations.serving.paged.scheduler import Scheduler
from simulations.serving.paged.sequences import Sequence
from simulations.serving.step_times import Generation

if TYPE_CHECKING:
    from collections.abc import Callable

    from foundation.measures.outcome import RequestRecord
    from simulations.kernel import Event, Loop
    from simulations.serving.paged.limits import Limits
    from simulations.serving.paged.scheduler import Chunks
    from simulations.serving.port import EngineRequest
    from simulations.serving.roofline import RooflineTimes

_SLACK_S: Final = 1e-12


@dataclass(slots=True)
class _Steps:
    """The steps in progress since ``start_s``: ``count`` equal ones of ``pace``, or a single one that computes ``chunks`` of prompts."""

    start_s: float
    end: Event
    count: int
    pace: Generation | None
    chunks: Chunks

    def taken(self, at_s: float) -> int:
        """Return how many steps have ended by ``at_s``, which is before the end of the last."""
        return self.pace.steps_within(at_s - self.start_s, self.count) if self.pace else 0


class PagedEngine:
    """Simulates one replica on ``loop``.

    ``steps`` counts the steps taken, ``busy_s`` their seconds, and ``held_block_s`` is the integral of the blocks held. ``on_end`` is
    called once with each request and its record, at the time at which the client learns of the end.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        times: RooflineTimes,
        loop: Loop,
        *,
        on_end: Callable[[EngineRequest, RequestRecord], None],
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self.steps = 0
        self.busy_s = self.held_block_s = 0.0
        self.scheduler = Scheduler(limits)
        self._limits = limits
        self._times = times
        self._loop = loop
        self._clients = Clients(name, loop, timeout_s=timeout_s, on_end=on_end, on_leave=self._give_up)
        self._coming: list[tuple[float, int, EngineRequest]] = []  # sent, and not yet seen by the scheduler
        self._left: list[Sequence] = []  # their clients gave up during the steps under way
        self._under_way: _Steps | None = None
        self._waking: Event | None = None  # when an idle engine begins with its next request
        self._ending = False

    def offer(self, request: EngineRequest) -> None:
        """Accept a request that arrives now."""
        seen_s = self._loop.now_s + self._times.request_s
        heapq.heappush(self._coming, (seen_s, request.index, request))
        self._clients.enter(request)
        if self._ending:
            return  # the caller that ends requests continues afterwards
        if self._under_way is None:
            self._wake_for_next()
        elif self.scheduler.takes_more:
            self._cut(seen_s - _SLACK_S)

    def fail_all(self, why: str) -> None:
        """Fail all requests in flight, as when the replica is lost; the prefix cache is lost as well."""
        now_s, steps = self._loop.now_s, self._under_way
        taken = 0
        if steps:
            taken = steps.taken(now_s)
            self._spend(steps, taken)
            steps.end.cancel()
            self._under_way = None
        done = {s.request.index: (s.first_token_s, self.scheduler.generating.done(s, taken)) for s in self.scheduler}
        lost, self.scheduler = self.scheduler, Scheduler(self._limits)
        for count in ("preemptions", "prompt_tokens", "cached_tokens"):
            setattr(self.scheduler, count, getattr(lost, count))
        self._coming.clear()
        self._left.clear()
        self._ending = True
        for request in list(self._clients):
            first_token_s, tokens = done.get(request.index, (None, 0))
            self._clients.end(request, now_s, Status.FAILED, first_token_s=first_token_s, done=tokens, why=why)
        self._ending = False
        self._go_on()

    def outstanding(self) -> int:
        """Return how many requests it has, running and waiting."""
        return len(self._clients)

    def reused(self) -> tuple[int, int]:
        """Return how many tokens of admitted prompts were found in its prefix cache, and how many those prompts have."""
        return self.scheduler.cached_tokens, self.scheduler.prompt_tokens

    def audit(self) -> None:
        """Check that every block is held once or free, none without a sequence, and no second was computed twice.

        Raises:
            LedgerError: blocks or seconds were lost or counted twice; a bug in the simulation, never in its input.
        """
        self.scheduler.audit()
        if self.scheduler.pool.held and not self._under_way:
            raise LedgerError(f"{self.scheduler.pool.held} blocks are held and nothing is computed")
        if self.busy_s > self._loop.now_s * (1 + 1e-9):
            raise LedgerError(f"{self.busy_s} s of steps in {self._loop.now_s} s")

    def _wake_for_next(self) -> None:
        """Sleep until the next request is seen; those of the same moment are there by then."""
        if self._waking:
            self._waking.cancel()
        self._waking = self._loop.at(self._coming[0][0], self._go_on, Order.ARRIVAL)

    def _go_on(self) -> None:
        """Begin the next steps, or sleep until the next arrival."""
        if self._waking:
            self._waking.cancel()
            self._waking = None
        self._see()
        chunks, preempted = self.scheduler.plan()
        if chunks:
            self._mixed_step(chunks)
        elif self.scheduler.generating.count:
            self._generate(once=preempted)
        elif self._coming:
            self._wake_for_next()

    def _see(self) -> None:
        """Queue the requests that have arrived."""
        now_s = self._loop.now_s
        while self._coming and self._coming[0][0] <= now_s + _SLACK_S:
            request = heapq.heappop(self._coming)[2]
            if request not in self._clients:
                continue  # its client has left
            room = self._limits.context_tokens - request.prompt_tokens
            if room <= 0:
                why = f"the prompt of {request.prompt_tokens} tokens exceeds the context of {self._limits.context_tokens} tokens"
                self._ending = True
                self._clients.end(request, now_s, Status.REJECTED, why=why)
                self._ending = False
            else:
                self.scheduler.submit(Sequence(request, min(request.output_tokens, room)))

    def _generate(self, *, once: bool) -> None:
        """Begin as many equal steps as fit before something changes; a single one if the next may admit what this one preempted."""
        now_s, generating = self._loop.now_s, self.scheduler.generating
        first, growth = self._times.generation(generating.count, generating.context)
        pace = Generation(first, growth, 0.0, 0.0)
        count = 1 if once else self.scheduler.steps()
        if count > 1 and self._coming and self.scheduler.takes_more:
            # The step during which the next request arrives is the last one without it.
            count = min(count, 1 + pace.steps_within(self._coming[0][0] - now_s - _SLACK_S, count))
        self._begin(pace.seconds(count), count, pace, [])

    def _mixed_step(self, chunks: Chunks) -> None:
        """Begin one step that includes prompt tokens."""
        generating = self.scheduler.generating
        tokens, pairs = generating.count, 0.0
        for sequence, chunk in chunks:
            tokens += chunk
            pairs += chunk * (sequence.computed + (chunk + 1) / 2)
        self._begin(self._times.step_s(tokens, generating.count, generating.context, pairs), 1, None, chunks)

    def _begin(self, seconds: float, count: int, pace: Generation | None, chunks: Chunks) -> None:
        now_s = self._loop.now_s
        self._under_way = _Steps(now_s, self._loop.at(now_s + seconds, self._steps_end, Order.STEPS), count, pace, chunks)

    def _cut(self, at_s: float) -> None:
        """Cut the steps in progress short after the one that runs at ``at_s``."""
        steps = self._under_way
        if steps is None or steps.pace is None or steps.count == 1:
            return
        count = 1 + steps.pace.steps_within(at_s - steps.start_s, steps.count)
        if count < steps.count:
            steps.end.cancel()
            steps.count = count
            steps.end = self._loop.at(steps.start_s + steps.pace.seconds(count), self._steps_end, Order.STEPS)

    def _spend(self, steps: _Steps, count: int) -> None:
        """Book the time of the steps that end now."""
        spent_s = self._loop.now_s - steps.start_s
        self.busy_s += spent_s
        self.held_block_s += spent_s * self.scheduler.pool.held
        self.steps += count

    def _steps_end(self) -> None:
        steps = self._under_way
        assert steps is not None, "the steps that end are under way"
        self._under_way = None
        self._spend(steps, steps.count)
        now_s = self._loop.now_s
        finished = self.scheduler.complete(steps.chunks, steps.count, now_s)
        for sequence in self._left:
            if sequence not in finished:
                self.scheduler.remove(sequence)
        self._left.clear()
        self._ending = True
        for sequence in finished:
            if sequence.request in self._clients:
                done = sequence.done
                self._clients.end(sequence.request, now_s, Status.OK, first_token_s=sequence.first_token_s, done=done)
        self._ending = False
        self._go_on()

    def _give_up(self, request: EngineRequest) -> None:
        now_s, why = self._loop.now_s, self._clients.given_up
        sequence = next((s for s in self.scheduler if s.request is request), None)
        first_token_s, done = None, 0
        if sequence is not None:
            steps = self._under_way
            first_token_s = sequence.first_token_s
            done = self.scheduler.generating.done(sequence, steps.taken(now_s) if steps else 0)
            if self.scheduler.is_waiting(sequence):
                self.scheduler.remove(sequence)
            else:
                self._left.append(sequence)
                self._cut(now_s)
        was_ending, self._ending = self._ending, True
        self._clients.end(request, now_s, Status.FAILED, first_token_s=first_token_s, done=done, why=why)
        self._ending = was_ending
