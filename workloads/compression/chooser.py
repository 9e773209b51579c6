"""Which method for which model, and why: the cheapest one that reaches the size.

Complexity is what reaching the target takes: ``low`` is only another file format, ``medium`` gives up structure and tunes what is left,
``high`` trains a smaller model from the large one. It follows from the wanted ratio unless it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workloads.compression.errors import CompressionError

METHODS: Final = {"low": "quantise", "medium": "prune", "high": "distil"}
_BITS_RATIO: Final = {"Q8_0": 32 / 8.5, "Q4_0": 32 / 4.5}
_PRUNED_WELL: Final = 0.5
"""Share of hidden units that fine-tuning made good for on the models measured here."""
_STRICT_LOSS: Final = 0.02
"""Twice what Q4_0 cost the small model that is trained here; Q8_0 costs a tenth of a per cent or less."""


@dataclass(frozen=True)
class Choice:
    """A method and the reasons for it, one sentence each."""

    method: str
    complexity: str
    reasons: tuple[str, ...]


def choose(ratio: float, *, loss: float = _STRICT_LOSS, complexity: str | None = None) -> Choice:
    """Return the method for a file ``ratio`` times smaller than F32 at a relative ``loss`` of at most this.

    Args:
        ratio: above 1.
        loss: tolerated, relative; 0.02 is two per cent.
        complexity: ``low``, ``medium`` or ``high``, where it is known better.

    Raises:
        CompressionError: the ratio is not above 1, or there is no such complexity.
    """
    if not ratio > 1:
        raise CompressionError(f"a ratio of {ratio:g} needs no compression; name one above 1")
    if complexity is not None and complexity not in METHODS:
        raise CompressionError(f"complexity {complexity!r}: one of {', '.join(METHODS)} is expected")
    blocks = "Q8_0" if loss <= _STRICT_LOSS else "Q4_0"
    free = _BITS_RATIO[blocks]
    pruned = free / (1 - _PRUNED_WELL)
    facts = [
        f"a loss of {loss:.1%} is tolerated, so weights may take {32 / free:g} bits ({blocks}): {free:.2f} times smaller without training"
    ]
    if complexity is not None:
        facts.append(f"complexity {complexity} was given")
    elif ratio <= free:
        complexity = "low"
        facts.append(f"{ratio:g} times is within that, so nothing has to be trained")
    elif ratio <= pruned:
        complexity = "medium"
        facts.append(
            f"{ratio:g} times is more; without half of the hidden units it is within {pruned:.2f} times, and fine-tuning restores quality"
        )
    else:
        complexity = "high"
        facts.append(
            f"{ratio:g} times is more than pruning half and {blocks} give ({pruned:.2f}): a smaller model has to learn from this one"
        )
    return Choice(METHODS[complexity], complexity, tuple(facts))


def usd_per_mtok(tokens_per_s: float, usd_per_hour: float) -> float:
    """Return the price of a million generated tokens on a machine of this price that generates without pause."""
    return usd_per_hour / 3600 / tokens_per_s * 1e6
