"""The sequences of an engine, and those of them that generate: their contexts, the blocks they will need and their ends in closed form.

Every step computes one token for each generating sequence. So what changes with a step is the same for all of them, and is kept once, as
the number of steps so far: a sequence's context is that number plus a constant.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulations.serving.port import EngineRequest


class Sequence:
    """A request in the engine.

    ``target`` tokens are to be computed before the next token appears: the prompt, and after a preemption what had been generated.
    ``computed`` of them are. ``done`` of ``wanted`` tokens have been generated. ``own`` blocks are its alone, those of ``shared`` hashes
    are not; the first ``named`` hashes of the request are computed. A preempted sequence has left ``kept_blocks`` full blocks in the pool
    under the number ``kept``.
    """

    __slots__ = (
        "computed",
        "done",
        "end",
        "first_token_s",
        "kept",
        "kept_blocks",
        "named",
        "own",
        "request",
        "shared",
        "since",
        "target",
        "wanted",
    )

    def __init__(self, request: EngineRequest, wanted: int) -> None:
        self.request = request
        self.wanted = wanted
        self.target = request.prompt_tokens
        self.computed = 0
        self.done = 0
        self.own = 0
        self.shared: list[int] = []
        self.named = 0
        self.kept: int | None = None
        self.kept_blocks = 0
        self.first_token_s: float | None = None
        self.since = 0  # the step at which it began to generate, with `computed` and `done` of that time
        self.end = -1  # the step at whose end it is finished; -1 while it does not generate


class Generating:
    """The sequences that generate. ``steps`` counts the steps, ``context`` is the sum of their contexts, ``count`` their number."""

    def __init__(self, block_tokens: int) -> None:
        self.count = 0
        self.context = 0
        self.steps = 0
        self._block_tokens = block_tokens
        self._starts = [0] * block_tokens  # by the step, modulo the block size, in which a sequence needs its next block
        self._ends: list[tuple[int, int, Sequence]] = []
        self._number = 0

    def add(self, sequence: Sequence) -> None:
        """Let ``sequence`` generate from the next step on."""
        sequence.since = self.steps
        sequence.end = self.steps + sequence.wanted - sequence.done
        self._starts[self._phase(sequence)] += 1
        self.count += 1
        self.context += sequence.computed
        self._number += 1
        heapq.heappush(self._ends, (sequence.end, self._number, sequence))

    def remove(self, sequence: Sequence) -> None:
        """Take ``sequence`` out, with its progress brought up to date."""
        self._starts[self._phase(sequence)] -= 1
        passed = self.steps - sequence.since
        sequence.own += self._taken(sequence, passed)
        sequence.computed += passed
        sequence.done += passed
        sequence.end = -1
        self.count -= 1
        self.context -= sequence.computed

    def advance(self, steps: int) -> None:
        """Count ``steps`` steps."""
        self.steps += steps
        self.context += steps * self.count

    def blocks_for(self, steps: int) -> int:
        """Return how many new blocks the next ``steps`` steps need."""
        rounds, rest = divmod(steps, self._block_tokens)
        needed = rounds * self.count
        size, now, starts = self._block_tokens, self.steps, self._starts
        for step in range(now, now + rest):
            needed += starts[step % size]
        return needed

    def steps_within(self, blocks: int, most: int) -> int:
        """Return how many steps, up to ``most``, need at most ``blocks`` new blocks."""
        if self.count * (most // self._block_tokens + 1) <= blocks or self.blocks_for(most) <= blocks:
            return most
        low, high = 0, most  # blocks_for(low) fits, blocks_for(high) does not
        while high - low > 1:
            middle = (low + high) // 2
            if self.blocks_for(middle) <= blocks:
                low = middle
            else:
                high = middle
        return low

    def steps_left(self) -> int:
        """Return the steps until the first sequence is finished; there must be one."""
        ends = self._ends
        while ends[0][2].end != ends[0][0]:
            heapq.heappop(ends)  # it was preempted or its client left
        return ends[0][0] - self.steps

    def finished(self) -> list[Sequence]:
        """Take out the sequences that are finished, in the order in which they began to generate."""
        found = []
        ends = self._ends
        while ends and ends[0][0] <= self.steps:
            end, _, sequence = heapq.heappop(ends)
            if sequence.end == end:
                self.remove(sequence)
                found.append(sequence)
        return found

    def own_since(self, sequence: Sequence) -> int:
        """Return how many blocks ``sequence`` has taken since it began to generate; 0 if it does not."""
        return self._taken(sequence, self.steps - sequence.since) if sequence.end >= 0 else 0

    def done(self, sequence: Sequence, steps: int = 0) -> int:
        """Return how many tokens ``sequence`` has generated, ``steps`` steps from now."""
        return sequence.done + (self.steps + steps - sequence.since if sequence.end >= 0 else 0)

    def _phase(self, sequence: Sequence) -> int:
        """The step, modulo the block size, in which its next token is the first of a block."""
        return (sequence.since - sequence.computed) % self._block_tokens

    def _taken(self, sequence: Sequence, steps: int) -> int:
        """Blocks that it took in ``steps`` steps since it began to generate."""
        size = self._block_tokens
        return -(-(sequence.computed + steps) // size) - -(-sequence.computed // size)
