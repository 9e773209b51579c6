"""The load as data: which request is to be sent when, with how many tokens.

The load test sends this plan and the twin predicts the same plan, so a difference between them is the model's error and not
another draw of the dice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A request to come: intended time in seconds from the start of the run, lengths in tokens."""

    index: int
    at_s: float
    prompt_tokens: int
    output_tokens: int
