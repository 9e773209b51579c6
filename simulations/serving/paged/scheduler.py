"""What each step computes, and whose blocks it takes: rules 1 and 2 of ``engine.py``, without a clock."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING

from simulations.kernel import LedgerError
from simulations.serving.paged.blocks import BlockPool
from simulations.serving.paged.sequences import Generating, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.serving.paged.limits import Limits

#: The prompt tokens that a step computes, by sequence.
Chunks = list[tuple[Sequence, int]]


class Scheduler:
    """The sequences and blocks of one engine.

    ``preemptions`` counts the sequences that were preempted. Of ``prompt_tokens`` to be computed by admitted sequences, ``cached_tokens``
    were found in the prefix cache.
    """

    def __init__(self, limits: Limits) -> None:
        self.preemptions = self.prompt_tokens = self.cached_tokens = 0
        self.pool = BlockPool(limits.blocks, per_hash=limits.hash_tokens // limits.block_tokens, caching=limits.prefix_caching)
        self.generating = Generating(limits.block_tokens)
        self._limits = limits
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []  # in the order of their admission
        self._prompts: list[Sequence] = []  # those of them whose prompt is under way
        self._numbers = itertools.count()

    def __iter__(self) -> Iterator[Sequence]:
        return itertools.chain(self._running, self._waiting)

    @property
    def takes_more(self) -> bool:
        """Whether the next step would admit one more request, as far as sequences go."""
        return not self._waiting and len(self._running) < self._limits.sequences

    def submit(self, sequence: Sequence) -> None:
        """Let ``sequence`` wait behind the others."""
        self._waiting.append(sequence)

    def plan(self) -> tuple[Chunks, bool]:
        """Return the prompt tokens of the next step, and whether it had to preempt; the blocks of those tokens are taken."""
        before = self.preemptions
        while self.generating.blocks_for(1) > self.pool.free:
            self._preempt(self._running[-1])
        chunks: Chunks = []
        budget = self._limits.batched_tokens - self.generating.count
        while len(chunks) < len(self._prompts) and budget > 0:
            sequence = self._prompts[len(chunks)]
            tokens = min(sequence.target - sequence.computed, budget)
            if not self._fit(sequence, tokens):
                break
            chunks.append((sequence, tokens))
            budget -= tokens
        preempted = self.preemptions != before
        if not preempted:
            while self._waiting and budget > 0 and len(self._running) < self._limits.sequences:
                tokens = self._admit(self._waiting[0], budget)
                if not tokens:
                    break
                chunks.append((self._running[-1], tokens))
                budget -= tokens
        return chunks, preempted

    def steps(self) -> int:
        """Return for how many steps the sequences that generate, at least one, need no preemption and none is finished."""
        return self.generating.steps_within(self.pool.free, self.generating.steps_left())

    def complete(self, chunks: Chunks, count: int, now_s: float) -> list[Sequence]:
        """Record that ``count`` steps ended at ``now_s``; return the sequences that are finished, with their blocks given back."""
        self.pool.take(self.generating.blocks_for(count))
        self.generating.advance(count)
        finished = self.generating.finished()
        for sequence, tokens in chunks:
            sequence.computed += tokens
            if sequence.computed < sequence.target:
                continue
            self._prompts.remove(sequence)
            sequence.done += 1
            if sequence.first_token_s is None:
                sequence.first_token_s = now_s
            if sequence.done < sequence.wanted:
                self.generating.add(sequence)
            else:
                finished.append(sequence)
        for sequence in finished:
            self._running.remove(sequence)
            self.pool.give_back(sequence.own, sequence.shared)
        return finished

    def remove(self, sequence: Sequence) -> None:
        """Take ``sequence`` out before its end, wherever it is."""
        if sequence in self._waiting:
            self._waiting.remove(sequence)
            return
        self._stop(sequence)
        self.pool.give_back(sequence.own, sequence.shared)

    def is_waiting(self, sequence: Sequence) -> bool:
        """Whether it holds no blocks."""
        return sequence in self._waiting

    def audit(self) -> None:
        """Check that every block is held once or free.

        Raises:
            LedgerError: blocks were lost or counted twice; a bug in the simulation, never in its input.
        """
        shared = {key for sequence in self._running for key in sequence.shared}
        held = sum(sequence.own + self.generating.own_since(sequence) for sequence in self._running)
        held += len(shared) * (self._limits.hash_tokens // self._limits.block_tokens)
        if held != self.pool.held:
            raise LedgerError(f"the sequences hold {held} blocks, and the pool has given out {self.pool.held} of {self.pool.blocks}")

    def _fit(self, sequence: Sequence, tokens: int) -> bool:
        """Take the blocks for the next ``tokens`` tokens of a prompt under way; False if it had to be preempted itself."""
        needed = self._limits.blocks_for(sequence.computed + tokens) - self._limits.blocks_for(sequence.computed)
        while needed + self.generating.blocks_for(1) > self.pool.free:
            last = self._running[-1]
            self._preempt(last)
            if last is sequence:
                return False
        self._take(sequence, needed, sequence.computed + tokens)
        return True

    def _admit(self, sequence: Sequence, budget: int) -> int:
        """Admit the first of those that wait; return how many of its tokens the step computes, 0 if the blocks do not suffice."""
        limits, pool, prefix = self._limits, self.pool, sequence.request.prefix
        # The last token is always computed, since its output is wanted.
        usable = sequence.target - 1
        known = pool.known(prefix[: usable // limits.hash_tokens]) if prefix else 0
        hashes = prefix[:known]
        cached = known * limits.hash_tokens
        regained = 0
        if sequence.kept is not None and known >= sequence.named:
            beyond = sequence.kept_blocks - (known - sequence.named) * (limits.hash_tokens // limits.block_tokens)
            regained = max(0, min(pool.kept_of(sequence.kept), beyond, usable // limits.block_tokens - cached // limits.block_tokens))
            cached += regained * limits.block_tokens
        tokens = min(sequence.target - cached, budget)
        # All of its tokens must fit now, although it takes blocks for those of this step only.
        whole = limits.blocks_for(sequence.target) - cached // limits.block_tokens
        if whole + regained + pool.to_revive(hashes) + self.generating.blocks_for(1) > pool.free:
            return 0
        needed = limits.blocks_for(cached + tokens) - cached // limits.block_tokens
        self._waiting.popleft()
        pool.share(hashes)
        if regained:
            assert sequence.kept is not None, "only what was kept is regained"
            pool.regain(sequence.kept, regained)
        sequence.kept = None
        sequence.shared = list(hashes)
        sequence.named = known
        sequence.own = regained
        sequence.computed = cached
        self.prompt_tokens += sequence.target
        self.cached_tokens += cached
        self._running.append(sequence)
        self._prompts.append(sequence)
        self._take(sequence, needed, cached + tokens)
        return tokens

    def _take(self, sequence: Sequence, blocks: int, computed: int) -> None:
        """Take ``blocks`` for ``sequence``, and name those that are full once ``computed`` tokens are."""
        self.pool.take(blocks)
        sequence.own += blocks
        if not sequence.request.prefix:
            return
        full = min(computed // self._limits.hash_tokens, len(sequence.request.prefix))
        new = self.pool.publish(sequence.request.prefix[sequence.named : full])
        sequence.named = max(sequence.named, full)
        sequence.shared += new
        sequence.own -= len(new) * (self._limits.hash_tokens // self._limits.block_tokens)

    def _stop(self, sequence: Sequence) -> None:
        """Take ``sequence`` out of those that run, with its progress brought up to date."""
        self._running.remove(sequence)
        if sequence.end >= 0:
            self.generating.remove(sequence)
        else:
            self._prompts.remove(sequence)

    def _preempt(self, sequence: Sequence) -> None:
        self._stop(sequence)
        per_hash = self._limits.hash_tokens // self._limits.block_tokens
        sequence.kept = next(self._numbers)
        sequence.kept_blocks = sequence.computed // self._limits.block_tokens - sequence.named * per_hash
        self.pool.give_back(sequence.own, sequence.shared, owner=sequence.kept)
        sequence.target = sequence.request.prompt_tokens + sequence.done
        sequence.computed = sequence.own = 0
        sequence.shared = []
        self._waiting.appendleft(sequence)
        self.preemptions += 1
