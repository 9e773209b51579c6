"""One line of a plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A planned request: intended time in seconds from the start of the run, lengths in tokens."""

    index: int
    at_s: float
    prompt_tokens: int
    output_tokens: int
