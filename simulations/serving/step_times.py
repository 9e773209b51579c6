"""How long one step of an engine takes, from the coefficients of a calibration.

A step computes a batch: one token for each request that generates, and prompt tokens of those that do not yet. The batch is cut into
micro-batches, each of which costs compute (by its tokens) and reading of the context (by the tokens before each of its tokens).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from simulations.serving.micro_batches import Row, micro_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.calibration.coefficients import Calibration


class StepTimes:
    """Durations in seconds, for one calibration. Pure: the same batch always takes the same time."""

    def __init__(self, calibration: Calibration) -> None:
        self.batch_tokens = calibration.batch_tokens
        self._prefill_load = calibration.prefill_under_load.value
        self._decode_load = calibration.decode_under_load.value
        self._decode_context_s = calibration.decode_context_s.value
        self._prefill_context_s = calibration.prefill_context_s.value
        self._split_s = calibration.split_s.value
        self._request_s = calibration.request_s.value
        self._request_token_s = calibration.request_token_s.value
        self._cold_s = calibration.cold_s.value
        self._cold_left = calibration.cold_left.value
        self._cold_after_s = calibration.cold_after_s.value
        self._limit = calibration.micro_batch_tokens
        self._tokens = [tokens for tokens, _ in calibration.compute_s]
        self._seconds = [coefficient.value for _, coefficient in calibration.compute_s]
        self._compute: dict[int, float] = {}
        self._generations: dict[tuple[int, ...], tuple[float, float, float]] = {}

    def request_s(self, prompt_tokens: int) -> float:
        """Return the request's overhead outside its steps: connection, parsing, tokenising, sending."""
        return self._request_s + self._request_token_s * prompt_tokens

    def compute_s(self, tokens: int) -> float:
        """Return the compute time of a micro-batch: linear between the calibrated sizes and beyond the last two."""
        known = self._compute.get(tokens)
        if known is None:
            weights = interpolate(tokens, self._tokens)
            known = self._compute[tokens] = max(0.0, sum(weight * self._seconds[n] for n, weight in weights))
        return known

    def step(self, batch: Sequence[Row], coldness: float) -> tuple[float, float]:
        """Return the seconds of a step that computes ``batch`` (first the rows that generate, then the prompts), and the new coldness."""
        parts = list(micro_batches(batch, limit=self._limit))
        split_s = self._split_s if len(parts) > 1 else 0.0
        seconds = 0.0
        for rows in parts:
            decode, prefill = context_work(rows)
            part = self.compute_s(sum(row.tokens for row in rows))
            part += self._decode_context_s * decode + self._prefill_context_s * prefill
            load = self._decode_load if rows[-1].tokens == 1 else self._prefill_load
            if rows[0].tokens == 1:
                part += self._cold_s * coldness
                coldness *= self._cold_left
            else:
                coldness = cold_share(coldness, part * load, self._cold_after_s)
            seconds += (split_s + part) * load
        return seconds, coldness

    def generation(self, slots: tuple[int, ...], context: int, coldness: float) -> Generation:
        """Return the times of successive steps in which ``slots`` (ascending) generate, with ``context`` tokens before them in all."""
        known = self._generations.get(slots)
        if known is None:
            parts = list(micro_batches([Row(slot, 1, 0) for slot in slots], limit=self._limit))
            split_s = self._split_s if len(parts) > 1 else 0.0
            seconds = self._decode_load * sum(split_s + self.compute_s(len(rows)) for rows in parts)
            left = self._cold_left ** len(parts)
            # Sum of the cold terms over the micro-batches of one step, at coldness 1.
            cold_s = self._decode_load * self._cold_s * (1 - left) / (1 - self._cold_left)
            known = self._generations[slots] = (seconds, left, cold_s)
        seconds, left, cold_s = known
        token_s = self._decode_load * self._decode_context_s
        return Generation(seconds + token_s * context, token_s * len(slots), cold_s * coldness, left)


class Generation(NamedTuple):
    """Steps that differ only in their contexts, which grow, and in coldness, which fades: step n takes first + n growth + cold left^n."""

    first: float
    growth: float
    cold: float
    left: float

    def seconds(self, steps: int) -> float:
        """Return how long the first ``steps`` of them take."""
        fading = self.cold * (1 - self.left**steps) / (1 - self.left)
        return steps * self.first + self.growth * (steps * (steps - 1) / 2) + fading

    def steps_within(self, seconds: float, most: int) -> int:
        """Return how many of them, up to ``most``, fit into ``seconds``."""
        return bisect_right(range(1, most + 1), seconds, key=self.seconds)


def splits(micro_batches: int) -> int:
    """Return how many graphs a step rebuilds: zero if both it and the previous step have a single micro-batch."""
    return micro_batches if micro_batches > 1 else 0


def cold_share(coldness: float, prompt_s: float, after_s: float) -> float:
    """Return the coldness after computing prompts for ``prompt_s`` seconds."""
    return 1 - (1 - coldness) * math.exp(-prompt_s / after_s)


def interpolate(value: int, points: Sequence[int]) -> tuple[tuple[int, float], tuple[int, float]]:
    """Return the two points of a rising list that give ``value`` by linear inter- or extrapolation, as (position, weight)."""
    high = min(max(bisect_left(points, value), 1), len(points) - 1)
    weight = (value - points[high - 1]) / (points[high] - points[high - 1])
    return (high - 1, 1 - weight), (high, weight)


def context_work(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the pairs of a token and a token before it in a micro-batch: of rows that generate, and of those in a prompt."""
    decode = prefill = 0.0
    for _, tokens, context in rows:
        if tokens == 1:
            decode += context
        else:
            prefill += tokens * (context + tokens / 2)
    return decode, prefill
