"""How an engine splits the batch of a step into micro-batches.

llama.cpp keeps one key-value stream per slot, so a micro-batch takes the same number of tokens from each of its sequences, and only
neighbouring slots share one (``llama_batch_allocr::split_equal`` with ``sequential``): four requests in slots 0 to 3 generate in one
micro-batch, in slots 0, 2, 4 and 6 in four.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Row(NamedTuple):
    """One slot's part of a batch: ``tokens`` to compute after ``context`` tokens that are already in the cache."""

    slot: int
    tokens: int
    context: int


def micro_batches(batch: Sequence[Row], *, limit: int) -> Iterator[list[Row]]:
    """Cut ``batch`` (first the rows that generate, then the prompts, each by slot) into micro-batches of up to ``limit`` tokens."""
    rows = list(batch)
    while rows:
        sharing = _equal_rows(rows, limit)
        yield sharing
        taken = {row.slot: row.tokens for row in sharing}
        rows = [
            Row(slot, tokens - taken.get(slot, 0), context + taken.get(slot, 0))
            for slot, tokens, context in rows
            if tokens > taken.get(slot, 0)
        ]


def _equal_rows(rows: list[Row], limit: int) -> list[Row]:
    """Take the same number of tokens from the first row and from each row whose slot directly follows the previous one's."""
    sharing = rows[:1]
    for row in rows[1:]:
        if row.slot == sharing[-1].slot + 1 and len(sharing) < limit:
            sharing.append(row)
    each = min(limit // len(sharing), *(row.tokens for row in sharing))
    return [Row(row.slot, each, row.context) for row in sharing]
