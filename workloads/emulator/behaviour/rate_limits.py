"""Limits per minute as token buckets, and the headers in which each provider shows them. ``now_s`` is Unix time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from foundation.dialects.model.errors import ErrorKind, ProviderError
from workloads.emulator.behaviour.profile import Profile

_ANTHROPIC_NAMES: Final = {"requests": "requests", "input_tokens": "input-tokens", "output_tokens": "output-tokens"}
_OPENAI_NAMES: Final = {"requests": "requests", "input_tokens": "tokens"}


@dataclass(slots=True)
class _Bucket:
    limit: int
    left: float
    at_s: float

    def level(self, now_s: float) -> float:
        self.left = min(float(self.limit), self.left + (now_s - self.at_s) * self.limit / 60.0)
        self.at_s = now_s
        return self.left

    def full_at_s(self) -> float:
        return self.at_s + (self.limit - self.left) * 60.0 / self.limit


@dataclass(slots=True)
class RateLimits:
    """The limits of one key."""

    profile: Profile
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def take(self, *, input_tokens: int, output_tokens: int, now_s: float) -> ProviderError | None:
        """Take one request out of the buckets; return the refusal if one of them is exhausted."""
        for name, limit, amount in (
            ("requests", self.profile.requests_per_min, 1),
            ("input_tokens", self.profile.input_tokens_per_min, input_tokens),
            ("output_tokens", self.profile.output_tokens_per_min, output_tokens),
        ):
            if limit is None:
                continue
            bucket = self._buckets.setdefault(name, _Bucket(limit, float(limit), now_s))
            if bucket.level(now_s) < amount:
                wait_s = (min(amount, limit) - bucket.left) * 60.0 / limit
                words = f"rate limit reached: {limit} {name.replace('_', ' ')} per minute"
                return ProviderError(ErrorKind.RATE_LIMIT, words, 429, retry_after_s=round(wait_s + 0.001, 3), limit=name)
        for name, amount in (("requests", 1), ("input_tokens", input_tokens), ("output_tokens", output_tokens)):
            if name in self._buckets:
                self._buckets[name].left -= amount
        return None

    def headers(self, dialect: str) -> dict[str, str]:
        """Return the rate-limit headers of ``dialect``; Google and Ollama send none."""
        shown: dict[str, str] = {}
        for name, bucket in self._buckets.items():
            left, reset_s = str(max(0, int(bucket.left))), bucket.full_at_s()
            if dialect == "anthropic":
                prefix = f"anthropic-ratelimit-{_ANTHROPIC_NAMES[name]}"
                reset = datetime.fromtimestamp(reset_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                shown |= {f"{prefix}-limit": str(bucket.limit), f"{prefix}-remaining": left, f"{prefix}-reset": reset}
            elif dialect == "openai" and (theirs := _OPENAI_NAMES.get(name)):
                wait = f"{max(0.0, reset_s - bucket.at_s):.3f}s"
                shown |= {
                    f"x-ratelimit-limit-{theirs}": str(bucket.limit),
                    f"x-ratelimit-remaining-{theirs}": left,
                    f"x-ratelimit-reset-{theirs}": wait,
                }
        return shown
