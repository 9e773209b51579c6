"""Reuse of prompts in Mooncake's conversation trace, for a cache without limit and for caches that keep what was used last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulations.routing.prefix_index import PrefixIndex
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import within

_TRACE: Final = "mooncake/conversation_trace.jsonl"
_BLOCK_TOKENS: Final = 512
_UNLIMITED: Final = 1 << 40
#: Share of the blocks found again, in percent, by the tokens that the cache holds.
_BY_CAPACITY: Final = {1_000_000: 5.32, 3_000_000: 13.55, 10_000_000: 28.52, 30_000_000: 35.88, 50_000_000: 36.35}


def _measure(data: Path) -> Iterator[Figure]:
    requests = [json.loads(line) for line in (data / _TRACE).read_text().splitlines()]
    prompts = [(request["input_length"], request["hash_ids"]) for request in requests]
    blocks = sum(len(hashes) for _, hashes in prompts)
    everything = PrefixIndex(_UNLIMITED)
    found = [(tokens, everything.use(hashes)) for tokens, hashes in prompts]
    shares = [min(1.0, hits * _BLOCK_TOKENS / tokens) for tokens, hits in found]
    yield Figure("mean share of a prompt, no limit", 40.94, 100 * sum(shares) / len(shares), len(shares))
    all_hits = 100 * sum(hits for _, hits in found) / blocks
    yield Figure("share of blocks, no limit", 36.641, all_hits, blocks, tolerance=within(0.0005, "%"))
    for tokens, expected in _BY_CAPACITY.items():
        index = PrefixIndex(tokens // _BLOCK_TOKENS)
        hits = sum(index.use(hashes) for _, hashes in prompts)
        yield Figure(f"share of blocks, {tokens / 1e6:g} M tokens", expected, 100 * hits / blocks, blocks)


ROW: Final = Row(
    id="mooncake-cache",
    setup="12,031 prompts in blocks of 512 tokens, by their hashes; least recently used first out",
    source="Qin et al., Mooncake, FAST'25, table 2 and figure 9; the trace of its release",
    expected="40.94 % of a prompt found again on average, and the shares by capacity to the last published digit",
    tolerance=within(0.005, "%"),
    measure=_measure,
    files=(_TRACE,),
    limits="one cache for all engines, without the time that it takes to move a block",
)
