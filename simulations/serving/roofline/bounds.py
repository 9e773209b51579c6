"""What an engine takes at least, from the roofline alone: bounds that rule a configuration out without a simulation.

Rule 1: a bound is never above what a simulation shows. Where it depends on the schedule, the best schedule counts.
Rule 2: utilisation law: engines that are asked for more seconds of steps than pass cannot keep up, whoever gets which request. Weights are
read once a step, so the fewest steps are the cheapest: as many sequences in each as there are slots, or as many tokens as fit. The time of
a step is convex in its tokens, so steps of equal size are the cheapest of that number (Jensen's inequality).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulations.serving.paged.limits import Limits
    from simulations.serving.port import Work
    from simulations.serving.roofline.times import RooflineTimes


class RooflineBounds:
    """Bounds of an engine with ``limits`` whose steps take ``times``."""

    def __init__(self, times: RooflineTimes, limits: Limits) -> None:
        self._times, self._limits = times, limits

    def busy_share(self, work: Work) -> float:
        """Return how many engines ``work`` keeps busy at least."""
        times = self._times
        prompts = sum(prompt for prompt, _ in work.requests)
        generated = sum(output - 1 for _, output in work.requests)
        steps = max(generated / self._limits.sequences, (prompts + generated) / self._limits.batched_tokens)
        if not steps:
            return 0.0
        context = sum((output - 1) * (prompt + output / 2) for prompt, output in work.requests)
        pairs = sum(prompt * (prompt + 1) / 2 for prompt, _ in work.requests)
        seconds = steps * times.tokens_s(math.floor((prompts + generated) / steps))
        return (seconds + times.sequence_s * generated + times.context_s * context + times.pair_s * pairs) / work.over_s

    def alone_s(self, prompt_tokens: int, output_tokens: int) -> tuple[float, float]:
        """Return the seconds to the first and to the last token of a request that has the engine for itself."""
        times, most = self._times, self._limits.batched_tokens
        first = times.request_s
        for begin in range(0, prompt_tokens, most):
            chunk = min(most, prompt_tokens - begin)
            first += times.step_s(chunk, 0, 0.0, chunk * (begin + (chunk + 1) / 2))
        step, growth = times.generation(1, prompt_tokens)
        left = output_tokens - 1
        return first, first + left * step + growth * left * (left - 1) / 2
