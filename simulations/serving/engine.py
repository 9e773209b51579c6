"""One replica: slots, a queue and continuous batching as in llama.cpp's server (tools/server: ``update_slots``).

Rule 1: requests queue first come, first served, until a slot is free. A request takes the slot that was released longest ago, or the last
of those never used, and keeps it until its last token.
Rule 2: each step computes one token for every generating slot, and prompt tokens by slot up to the batch size. A request that arrives
during a step joins the next one; a long prompt delays the others.
Rule 3: all tokens of a step appear at its end; the step that completes a prompt produces the first token of the response.
Rule 4: a prompt that fills the context is rejected; a response ends when the context is full.
Rule 5: a client without a complete response ``timeout_s`` after the intended time gives up, and its request fails at that moment. Its place
in the queue is freed immediately, its slot at the end of the step, because the server checks for disconnected clients between steps.
Rule 6: steps are events, tokens are not. A run of equal steps is one event, which is cut short if something interrupts it; the result is
the same as stepping one by one.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import REQUEST_TIMEOUT_S, Status
from simulations.kernel import LedgerError, Order
from simulations.serving.clients import Clients
from simulations.serving.micro_batches import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from foundation.measures.outcome import RequestRecord
    from simulations.kernel import Event, Loop
    from simulations.serving.port import EngineRequest
    from simulations.serving.step_times import Generation, StepTimes
    from workloads.engine.spec import EngineSpec

_SLACK_S: Final = 1e-12
"""A request this little after the end of a step counts as in time: floating-point sums depend on the order of addition by as much."""


class _Slot:
    """A request in a slot; ``prompt_left`` tokens are still to be computed, ``done`` of ``wanted`` have been generated."""

    __slots__ = ("done", "first_token_s", "left", "number", "prompt_left", "request", "wanted")

    def __init__(self, number: int, request: EngineRequest, wanted: int) -> None:
        self.number = number
        self.request = request
        self.wanted = wanted
        self.prompt_left = request.prompt_tokens
        self.done = 0
        self.first_token_s: float | None = None
        self.left = False  # the client gave up, and the server has not noticed

    @property
    def context(self) -> int:
        """Context length of the slot's next token."""
        if self.done:
            return self.request.prompt_tokens + self.done - 1
        return self.request.prompt_tokens - self.prompt_left


@dataclass(slots=True)
class _Steps:
    """The steps in progress since ``start_s``: ``count`` equal ones of ``pace``, or a single one that computes ``parts`` of prompts."""

    start_s: float
    end: Event
    count: int
    pace: Generation | None
    parts: list[tuple[_Slot, int]]
    coldness: float
    """Coldness after a step with prompts."""

    def taken(self, at_s: float) -> int:
        """Return how many steps have ended by ``at_s``, which is before the end of the last."""
        return self.pace.steps_within(at_s - self.start_s, self.count) if self.pace else 0


class SlotEngine:
    """Simulates one replica on ``loop``; ``steps`` counts the steps taken.

    ``on_end`` is called once with each request and its record, at the time at which the client learns of the end, so that it can trigger a
    retry or a scale-up.
    """

    def __init__(
        self,
        name: str,
        spec: EngineSpec,
        times: StepTimes,
        loop: Loop,
        *,
        on_end: Callable[[EngineRequest, RequestRecord], None],
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self.steps = 0
        self._clients = Clients(name, loop, timeout_s=timeout_s, on_end=on_end, on_leave=self._give_up)
        self._context = spec.context_tokens
        self._times = times
        self._loop = loop
        self._coldness = 0.0
        self._coming: list[tuple[float, int, EngineRequest]] = []  # sent, and not yet seen by the scheduler
        self._waiting: deque[EngineRequest] = deque()
        self._active: list[_Slot] = []  # by number
        # Free slots in the order in which they are taken: (order of release, -number).
        self._free = [(-1, -number) for number in reversed(range(spec.slots))]
        self._releases = 0
        self._slots = spec.slots
        self._under_way: _Steps | None = None
        self._waking: Event | None = None  # when an idle engine wakes up for its next request
        self._ending = False

    def offer(self, request: EngineRequest) -> None:
        """Accept a request that arrives now."""
        seen_s = self._loop.now_s + self._times.request_s(request.prompt_tokens)
        heapq.heappush(self._coming, (seen_s, request.index, request))
        self._clients.enter(request)
        if self._ending:
            return  # the caller that ends requests continues afterwards
        steps = self._under_way
        if steps is None:
            self._go_on()
        elif self._free and seen_s <= steps.start_s + _SLACK_S:
            self._cancel_steps()  # the steps begin at this very moment, so this request is in time for them
            self._go_on()
        elif self._free and steps.pace:
            self._cut(seen_s - _SLACK_S)

    def fail_all(self, why: str) -> None:
        """Fail all requests in flight, as when the replica is lost."""
        now_s = self._loop.now_s
        if steps := self._under_way:
            self._take(steps, steps.taken(now_s))
            self._cancel_steps()
        in_hand = [(slot.request, slot.first_token_s, slot.done) for slot in self._active if not slot.left]
        in_hand += [(request, None, 0) for request in self._waiting if request in self._clients]
        in_hand += [(request, None, 0) for _, _, request in sorted(self._coming) if request in self._clients]
        for slot in self._active[:]:
            self._release(slot)
        self._waiting.clear()
        self._coming.clear()
        self._ending = True
        for request, first_token_s, done in in_hand:
            self._clients.end(request, now_s, Status.FAILED, first_token_s=first_token_s, done=done, why=why)
        self._ending = False
        self._go_on()

    def outstanding(self) -> int:
        """Return how many requests it has, running and waiting."""
        return len(self._clients)

    def reused(self) -> tuple[int, int]:
        """Return zeros: what a slot still has of an earlier prompt is not simulated."""
        return 0, 0

    def audit(self) -> None:
        """Check that every slot is taken once or free, and none without a client.

        Raises:
            LedgerError: a slot was lost or counted twice; a bug in the simulation, never in its input.
        """
        slots = sorted([*(slot.number for slot in self._active), *(-minus for _, minus in self._free)])
        if slots != list(range(self._slots)):
            raise LedgerError(f"slots {slots} are taken or free, of {self._slots}")
        if self._active and not self._under_way:
            raise LedgerError(f"{len(self._active)} slots are taken and nothing is computed")

    def _go_on(self) -> None:
        """Admit the requests that have arrived and begin the next steps, or sleep until the next arrival."""
        if self._waking:
            self._waking.cancel()
            self._waking = None
        self._ending = True
        self._admit()
        self._ending = False
        if not self._active:
            if self._coming:
                self._waking = self._loop.at(self._coming[0][0], self._go_on, Order.STEPS)
        elif all([slot.done for slot in self._active]):  # noqa: C419  # a list is faster here
            self._generate()
        else:
            self._mixed_step()

    def _admit(self) -> None:
        """Admit the requests that have arrived, and assign free slots to queued requests."""
        now_s = self._loop.now_s
        while self._coming and self._coming[0][0] <= now_s + _SLACK_S:
            self._waiting.append(heapq.heappop(self._coming)[2])
        while self._waiting and self._free:
            request = self._waiting.popleft()
            if request not in self._clients:
                continue  # its client has left
            room = self._context - request.prompt_tokens
            if room <= 0:
                why = f"the prompt of {request.prompt_tokens} tokens exceeds the context of {self._context} tokens"
                self._clients.end(request, now_s, Status.REJECTED, why=why)
                continue
            _, minus_number = heapq.heappop(self._free)
            self._active.append(_Slot(-minus_number, request, min(request.output_tokens, room)))
            self._active.sort(key=_by_number)

    def _generate(self) -> None:
        """Begin as many equal steps as fit before something changes."""
        now_s, active = self._loop.now_s, self._active
        slots = tuple([slot.number for slot in active])
        pace = self._times.generation(slots, sum([slot.context for slot in active]), self._coldness)
        count = min([slot.wanted - slot.done for slot in active])
        if self._coming and self._free:
            # The step during which the next request arrives is the last one without it.
            count = min(count, 1 + pace.steps_within(self._coming[0][0] - now_s - _SLACK_S, count))
        self._begin(now_s + pace.seconds(count), count, pace)

    def _mixed_step(self) -> None:
        """Begin one step that includes prompt tokens."""
        batch = [Row(slot.number, 1, slot.context) for slot in self._active if slot.done]
        room = self._times.batch_tokens - len(batch)
        parts: list[tuple[_Slot, int]] = []
        for slot in self._active:
            if not slot.done and room > 0:
                tokens = min(slot.prompt_left, room)
                room -= tokens
                parts.append((slot, tokens))
                batch.append(Row(slot.number, tokens, slot.context))
        seconds, coldness = self._times.step(batch, self._coldness)
        self._begin(self._loop.now_s + seconds, 1, None, parts, coldness)

    def _begin(
        self, end_s: float, count: int, pace: Generation | None, parts: list[tuple[_Slot, int]] | None = None, coldness: float = 0.0
    ) -> None:
        end = self._loop.at(end_s, self._steps_end, Order.STEPS)
        self._under_way = _Steps(self._loop.now_s, end, count, pace, parts or [], coldness)

    def _cut(self, at_s: float) -> None:
        """Cut the steps in progress short after the one that runs at ``at_s``."""
        steps = self._under_way
        if steps is None or steps.pace is None:
            return
        count = 1 + steps.pace.steps_within(at_s - steps.start_s, steps.count)
        if count < steps.count:
            steps.end.cancel()
            steps.count = count
            steps.end = self._loop.at(steps.start_s + steps.pace.seconds(count), self._steps_end, Order.STEPS)

    def _cancel_steps(self) -> None:
        if self._under_way:
            self._under_way.end.cancel()
            self._under_way = None

    def _take(self, steps: _Steps, count: int) -> None:
        """Record the tokens of the first ``count`` steps."""
        if not count:
            return
        self.steps += count
        for slot in self._active:
            if slot.done:
                slot.done += count
        if steps.pace:
            self._coldness *= steps.pace.left**count
            return
        self._coldness = steps.coldness
        for slot, tokens in steps.parts:
            slot.prompt_left -= tokens
            if not slot.prompt_left:
                slot.done = 1
                slot.first_token_s = self._loop.now_s

    def _steps_end(self) -> None:
        steps = self._under_way
        assert steps is not None, "the steps that end are under way"
        self._under_way = None
        self._take(steps, steps.count)
        now_s = self._loop.now_s
        self._ending = True
        for slot in [slot for slot in self._active if slot.left or slot.done >= slot.wanted]:
            self._release(slot)
            if not slot.left:
                self._clients.end(slot.request, now_s, Status.OK, first_token_s=slot.first_token_s, done=slot.done)
        self._ending = False
        self._go_on()

    def _give_up(self, request: EngineRequest) -> None:
        now_s, why = self._loop.now_s, self._clients.given_up
        was_ending, self._ending = self._ending, True
        slot = next((slot for slot in self._active if slot.request is request), None)
        if slot is None:
            self._clients.end(request, now_s, Status.FAILED, why=why)
        else:
            steps = self._under_way
            done = slot.done + (steps.taken(now_s) if steps and slot.done else 0)
            slot.left = True
            self._cut(now_s)
            self._clients.end(request, now_s, Status.FAILED, first_token_s=slot.first_token_s, done=done, why=why)
        self._ending = was_ending

    def _release(self, slot: _Slot) -> None:
        self._active.remove(slot)
        heapq.heappush(self._free, (self._releases, -slot.number))
        self._releases += 1


def _by_number(slot: _Slot) -> int:
    return slot.number
