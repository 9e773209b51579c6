"""How long one step of an engine takes: the coefficients of a calibration put together.

A step computes a batch: one token for each request that generates, and prompt tokens of those that do not yet. The batch is cut into
micro-batches, each of which costs compute (by its tokens) and reading of the context (by the tokens before each of its tokens).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from simulations.serving.micro_batches import Row, micro_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.calibration.coefficients import Calibration


class StepTimes:
    """Durations in seconds, for one calibration. Pure: the same batch always takes the same time."""

    def __init__(self, calibration: Calibration) -> None:
        self.batch_tokens = calibration.batch_tokens
        self.decode_context_s = calibration.decode_context_s.value
        self._prefill_context_s = calibration.prefill_context_s.value
        self._step_s = calibration.step_s.value
        self._request_s = calibration.request_s.value
        self._request_token_s = calibration.request_token_s.value
        self._limit = calibration.micro_batch_tokens
        self._together = calibration.batching == "together"
        self._tokens = [tokens for tokens, _ in calibration.compute_s]
        self._seconds = [coefficient.value for _, coefficient in calibration.compute_s]
        self._compute: dict[int, float] = {}
        self._generate: dict[tuple[int, ...], float] = {}

    def request_s(self, prompt_tokens: int) -> float:
        """Return what a request costs beside its steps: connection, parsing, tokenising, sending."""
        return self._request_s + self._request_token_s * prompt_tokens

    def compute_s(self, tokens: int) -> float:
        """Return the compute time of a micro-batch: linear between the calibrated sizes and beyond the last two."""
        known = self._compute.get(tokens)
        if known is None:
            weights = interpolate(tokens, self._tokens)
            known = self._compute[tokens] = max(0.0, sum(weight * self._seconds[n] for n, weight in weights))
        return known

    def generate_s(self, slots: tuple[int, ...]) -> float:
        """Return the time of a step in which ``slots`` (ascending) generate one token each, without the reading of their contexts."""
        known = self._generate.get(slots)
        if known is None:
            known = self._generate[slots] = self.step_s([Row(slot, 1, 0) for slot in slots])
        return known

    def step_s(self, batch: Sequence[Row]) -> float:
        """Return the time of a step that computes ``batch``: first the rows that generate, then the prompts, each by slot."""
        seconds = self._step_s
        for rows in micro_batches(batch, limit=self._limit, together=self._together):
            seconds += self.compute_s(sum(row.tokens for row in rows))
            decode, prefill = context_work(rows)
            seconds += self.decode_context_s * decode + self._prefill_context_s * prefill
        return seconds


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
