"""One replica: slots, a queue and continuous batching, as llama.cpp's server does it (tools/server: ``update_slots``).

Rule 1: a request waits, first come first served, until a slot is free, and takes the one that was released longest ago; of those never
used the last. It keeps the slot until its last token.
Rule 2: each step computes one token for every slot that generates and prompt tokens, by slot, up to the size of a batch. Whoever comes
during a step joins the next one; a long prompt makes the others wait for it.
Rule 3: all tokens of a step appear at its end; the one that completes a prompt gives the first token of the answer.
Rule 4: a prompt that fills the context is refused, an answer ends where the context does.
Rule 5: who has no whole answer ``timeout_s`` after the intended time gives up and has failed at that moment; the place in the queue is
free at once, the slot at the end of the step, because the server looks for clients that have left between steps.
Rule 6: steps are events, tokens are not: equal steps in a row are taken in one go, with the same result as one by one.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import REQUEST_TIMEOUT_S, RequestRecord, Status
from simulations.serving.micro_batches import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.serving.step_times import StepTimes
    from workloads.engine.spec import EngineSpec

_SLACK_S: Final = 1e-12
"""A request that comes this little after the end of a step counts as come by then: sums of times differ by such in another order."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A request as it comes to the engine; ``index`` tells it from all others of the run."""

    index: int
    at_s: float
    prompt_tokens: int
    output_tokens: int


class _Slot:
    """A request in a slot; ``prompt_left`` tokens are still to be computed, ``done`` of ``wanted`` have been generated."""

    __slots__ = ("done", "first_token_s", "number", "prompt_left", "request", "wanted")

    def __init__(self, number: int, request: EngineRequest, wanted: int) -> None:
        self.number = number
        self.request = request
        self.wanted = wanted
        self.prompt_left = request.prompt_tokens
        self.done = 0
        self.first_token_s: float | None = None

    @property
    def context(self) -> int:
        """Tokens that the next one of this slot looks back on."""
        if self.done:
            return self.request.prompt_tokens + self.done - 1
        return self.request.prompt_tokens - self.prompt_left


class Engine:
    """Simulates one replica. ``on_end`` is called once with each request and its record; ``steps`` counts the steps taken."""

    def __init__(
        self,
        name: str,
        spec: EngineSpec,
        times: StepTimes,
        *,
        on_end: Callable[[EngineRequest, RequestRecord], None],
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self.steps = 0
        self._timeout_s = timeout_s
        self._given_up = f"no end after {timeout_s:g} s"
        self._patience_s = math.inf  # when the first of those in a slot gives up
        self._name = name
        self._context = spec.context_tokens
        self._times = times
        self._on_end = on_end
        self._now = 0.0
        self._coldness = 0.0
        self._coming: list[tuple[float, int, EngineRequest]] = []  # sent, and not yet seen by the scheduler
        self._waiting: deque[EngineRequest] = deque()
        self._active: list[_Slot] = []  # by number
        # Free slots, the next one to be taken first: (order of release, -number).
        self._free = [(-1, -number) for number in reversed(range(spec.slots))]
        self._releases = 0

    def offer(self, request: EngineRequest) -> None:
        """Send it a request. To be called in order of time, after :meth:`advance` to that time."""
        heapq.heappush(self._coming, (request.at_s + self._times.request_s(request.prompt_tokens), request.index, request))

    def advance(self, until_s: float) -> None:
        """Take every step that ends by ``until_s``."""
        while True:
            self._admit()
            if not self._active:
                if not self._coming or self._coming[0][0] > until_s:
                    return
                self._now = self._coming[0][0]
                continue
            if not (self._generate(until_s) if all(slot.done for slot in self._active) else self._mixed_step(until_s)):
                return

    def fail_all(self, at_s: float, why: str) -> None:
        """Lose everything in hand, as when the replica goes away at ``at_s``. To be called after :meth:`advance` to that time."""
        in_hand = [(slot.request, slot.first_token_s, slot.done) for slot in self._active]
        in_hand += [(request, None, 0) for request in self._waiting]
        in_hand += [(request, None, 0) for _, _, request in sorted(self._coming)]
        for slot in self._active[:]:
            self._release(slot)
        self._waiting.clear()
        self._coming.clear()
        self._now = max(self._now, at_s)
        for request, first_token_s, done in in_hand:
            if (deadline_s := request.at_s + self._timeout_s) < at_s:
                self._end(request, deadline_s, Status.FAILED, first_token_s=first_token_s, done=done, why=self._given_up)
            else:
                self._end(request, at_s, Status.FAILED, first_token_s=first_token_s, done=done, why=why)

    def _admit(self) -> None:
        """Take in what has come by now, and give free slots to those who wait."""
        while self._coming and self._coming[0][0] <= self._now + _SLACK_S:
            self._waiting.append(heapq.heappop(self._coming)[2])
        while self._waiting and self._free:
            request = self._waiting.popleft()
            if (deadline_s := request.at_s + self._timeout_s) < self._now:
                self._end(request, deadline_s, Status.FAILED, why=self._given_up)
                continue
            room = self._context - request.prompt_tokens
            if room <= 0:
                why = f"the prompt of {request.prompt_tokens} tokens exceeds the context of {self._context} tokens"
                self._end(request, self._now, Status.REJECTED, why=why)
                continue
            _, minus_number = heapq.heappop(self._free)
            self._active.append(_Slot(-minus_number, request, min(request.output_tokens, room)))
            self._active.sort(key=lambda slot: slot.number)
            self._patience_s = min(self._patience_s, deadline_s)

    def _generate(self, until_s: float) -> bool:
        """Take as many equal steps as there are before something changes; False where not even one ends by ``until_s``."""
        active = self._active
        slots = tuple([slot.number for slot in active])
        pace = self._times.generation(slots, sum([slot.context for slot in active]), self._coldness)
        steps = min([slot.wanted - slot.done for slot in active])
        if self._coming and self._free:
            # The step during which the next request comes is the last one without it.
            steps = min(steps, 1 + pace.steps_within(self._coming[0][0] - self._now - _SLACK_S, steps))
        if self._now + pace.seconds(steps) > self._patience_s:
            # Likewise for the step during which somebody gives up.
            steps = min(steps, 1 + pace.steps_within(self._patience_s - self._now, steps))
        if self._now + pace.seconds(steps) > until_s:
            steps = pace.steps_within(until_s - self._now, steps)
            if not steps:
                return False
        self._now += pace.seconds(steps)
        self._coldness *= pace.left**steps
        self.steps += steps
        for slot in active:
            slot.done += steps
        self._finish_done()
        return True

    def _mixed_step(self, until_s: float) -> bool:
        """Take one step in which prompts are computed; False where it does not end by ``until_s``."""
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
        end = self._now + seconds
        if end > until_s:
            return False
        self._now = end
        self._coldness = coldness
        self.steps += 1
        for slot in self._active:
            if slot.done:
                slot.done += 1
        for slot, tokens in parts:
            slot.prompt_left -= tokens
            if not slot.prompt_left:
                slot.done = 1
                slot.first_token_s = end
        self._finish_done()
        return True

    def _finish_done(self) -> None:
        if self._now > self._patience_s:
            self._give_up()
        for slot in [slot for slot in self._active if slot.done >= slot.wanted]:
            self._release(slot)
            self._end(slot.request, self._now, Status.OK, first_token_s=slot.first_token_s, done=slot.done)

    def _give_up(self) -> None:
        """Let those go whose client left during the step that ends now; what came in it came too late."""
        for slot in [slot for slot in self._active if slot.request.at_s + self._timeout_s < self._now]:
            self._release(slot)
            deadline_s = slot.request.at_s + self._timeout_s
            seen = slot.first_token_s is not None and slot.first_token_s <= deadline_s
            self._end(
                slot.request,
                deadline_s,
                Status.FAILED,
                first_token_s=slot.first_token_s if seen else None,
                done=slot.done - 1 if seen else 0,
                why=self._given_up,
            )

    def _release(self, slot: _Slot) -> None:
        self._active.remove(slot)
        self._patience_s = min([other.request.at_s for other in self._active], default=math.inf) + self._timeout_s
        heapq.heappush(self._free, (self._releases, -slot.number))
        self._releases += 1

    def _end(
        self,
        request: EngineRequest,
        at_s: float,
        status: Status,
        *,
        first_token_s: float | None = None,
        done: int = 0,
        why: str | None = None,
    ) -> None:
        record = RequestRecord(
            intended_s=request.at_s,
            sent_s=request.at_s,
            first_token_s=first_token_s,
            finished_s=at_s,
            prompt_tokens=request.prompt_tokens,
            output_tokens=done,
            replica=self._name,
            status=status,
            error=why,
        )
        self._on_end(request, record)
