"""The load that an environment is expected to handle."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, Self

from pydantic import Field, Strict, model_validator

from stacks.environment.values import MOST_TOKENS, Model, NotNegative, PathText, Share, Tokens

#: Upper limit, because every request of a run is planned beforehand and kept in memory.
MOST_REQUESTS: Final = 10_000_000

_Cv = Annotated[float, Field(ge=0, le=100)]
_Amount = Annotated[float, Field(gt=0, le=MOST_TOKENS)]


class Lengths(Model):
    """Lengths of prompts or answers in tokens."""

    distribution: Literal["constant", "uniform", "lognormal", "quantiles"] = "lognormal"
    mean: _Amount | None = None
    cv: _Cv = 0.5
    """Coefficient of variation, for ``lognormal``."""
    low: Tokens = 1
    high: Tokens = 512
    """Bounds of ``uniform``; the other distributions are clipped to them."""
    # A pair is a list in YAML.
    quantiles: list[Annotated[tuple[Share, _Amount], Strict(strict=False)]] | None = None
    """Ascending pairs (share, tokens) for ``quantiles``, with linear interpolation."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is larger than high ({self.high})")
        if self.distribution in ("constant", "lognormal") and self.mean is None:
            raise ValueError(f"`distribution: {self.distribution}` needs `mean`")
        if self.distribution == "quantiles":
            if not self.quantiles or len(self.quantiles) < 2:
                raise ValueError("`distribution: quantiles` needs at least two pairs in `quantiles`")
            if any(a[0] >= b[0] or a[1] > b[1] for a, b in zip(self.quantiles, self.quantiles[1:], strict=False)):
                raise ValueError("`quantiles` must rise")
        return self

    @property
    def longest(self) -> int:
        """The largest length that may be drawn."""
        if self.distribution == "constant" and self.mean is not None:
            return max(self.low, min(self.high, math.ceil(self.mean)))
        if self.distribution == "quantiles" and self.quantiles:
            return max(self.low, min(self.high, math.ceil(self.quantiles[-1][1])))
        return self.high


class MixedIn(Model):
    """One part of the requests: the API that its clients speak, the gateway's route that they name as the model, and what they ask.

    ``asks``: ``plain`` text, a question with ``tools``, with an ``image``, the next turn of a growing ``conversation``, or one about a
    ``long`` document of 65,536 characters. ``tenant`` pays for it and may use up its limits; default: ``rehearsal``.
    ``repeats`` is the share of these requests that say word for word what one of the last hundred has said: the gateway may answer them
    from its cache. All of them then ask with temperature 0, without which nothing is cached.
    """

    wire: Literal["openai", "anthropic", "gemini", "ollama"] = "openai"
    route: Annotated[str, Field(min_length=1, max_length=120)]
    share: Annotated[float, Field(gt=0, le=1)]
    asks: Literal["plain", "tools", "image", "conversation", "long"] = "plain"
    tenant: Annotated[str, Field(max_length=50)] = ""
    repeats: Share = 0.0

    @model_validator(mode="after")
    def _can_be_repeated(self) -> Self:
        if self.repeats and self.wire == "anthropic":
            raise ValueError("`repeats` is for other wires: Anthropic's API takes no temperature, without which nothing is cached")
        return self


class Traffic(Model):
    """The load that the environment is expected to handle."""

    arrivals: Literal["poisson", "gamma", "constant", "trace"] = "poisson"
    rate_per_s: Annotated[float, Field(gt=0, le=100_000)] = 1.0
    """Mean requests per second over the run."""
    cv: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Coefficient of variation of the inter-arrival times, for ``gamma``."""
    shape: Literal["constant", "ramp", "spike", "diurnal"] = "constant"
    """How the rate changes over the run; its mean is ``rate_per_s``."""
    trace: PathText | None = None
    """Path of a trace (CSV with TIMESTAMP,ContextTokens,GeneratedTokens or JSON lines with timestamp, input_length, output_length)."""
    prompt_tokens: Lengths = Lengths(mean=128, cv=0.5, low=8, high=512)
    output_tokens: Lengths = Lengths(mean=32, cv=0.5, low=2, high=128)
    mix: list[MixedIn] = Field(default=[])
    """The wires and routes of the requests; the shares add up to 1. Needs `gateway`. Empty: all ask for the engine's model."""
    duration_s: Annotated[float, Field(gt=0, le=604_800)] = 60.0
    """At most a week."""
    seed: NotNegative = 1

    @property
    def horizon_s(self) -> float | None:
        """Seconds that the traffic covers, which rates are over; None for a trace, which may end before its time is over."""
        return self.duration_s if self.trace is None else None

    @model_validator(mode="after")
    def _trace_given(self) -> Self:
        if (self.arrivals == "trace") != (self.trace is not None):
            raise ValueError("`arrivals: trace` and `trace: <path>` go together")
        return self

    @model_validator(mode="after")
    def _mix_is_whole(self) -> Self:
        if self.mix and not math.isclose(total := sum(part.share for part in self.mix), 1.0, abs_tol=1e-6):
            raise ValueError(f"the shares of `mix` add up to {total:g}; they must add up to 1")
        return self

    @model_validator(mode="after")
    def _can_be_planned(self) -> Self:
        if (requests := self.rate_per_s * self.duration_s) > MOST_REQUESTS:
            raise ValueError(f"rate_per_s times duration_s is {requests:,.0f} requests; at most {MOST_REQUESTS:,} are planned for a run")
        return self
