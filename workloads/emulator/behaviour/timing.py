"""Latencies, drawn from a seed: the n-th request of a run always takes the same time at the same load."""

from __future__ import annotations

from random import Random

from workloads.emulator.behaviour.profile import Profile


class Timing:
    """The times of one request, in seconds."""

    def __init__(self, profile: Profile, random: Random, *, prompt_tokens: int, in_hand: int) -> None:
        load = 1.0 + (in_hand / profile.slots if profile.slots else 0.0)
        self._profile = profile
        self._random = random
        self._load = load
        prefill_s = prompt_tokens / profile.prompt_tokens_per_s
        self.first_token_s = (_draw(random, profile.ttft_ms, profile.ttft_sigma) / 1e3 + prefill_s) * load

    def frame_s(self) -> float:
        """Return the time to the next frame."""
        profile = self._profile
        return _draw(self._random, profile.tpot_ms, profile.tpot_sigma) / 1e3 * profile.tokens_per_frame * self._load

    def whole_s(self, tokens: int) -> float:
        """Return the time of a whole answer of ``tokens``."""
        return self.first_token_s + max(0, tokens - 1) * self._profile.tpot_ms / 1e3 * self._load


def _draw(random: Random, median: float, sigma: float) -> float:
    return median if not sigma or not median else median * random.lognormvariate(0.0, sigma)
