"""``sandtable capacity``: the largest rate that holds, and the cheapest configuration."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pydantic import Field

from sandtable.document.parts.base import Cents, Figure, Interval, Part

if TYPE_CHECKING:
    from sandtable.jobs.capacity import Capacity as Found
    from simulations.capacity import Risk, Search
    from simulations.capacity.search import OnSpot, Tried


class JudgedThreshold(Part):
    """A threshold at one rate or configuration."""

    threshold: str
    value: Figure = None
    worst: Figure = None
    """The end of the 95 % interval that decides; the value where there is none."""
    holds: bool = False
    use: Figure = None
    """Share of the limit that is used up."""


class TriedConfiguration(Part):
    """A configuration that was simulated."""

    scenario: str
    monthly_usd: Cents = None
    holds: bool = False
    use: Figure = None
    """Share of the tightest limit that is used up."""
    judged: tuple[JudgedThreshold, ...] = ()
    full: bool = True
    """Whether all replications were run; else one, which was enough to settle it."""

    @classmethod
    def taken(cls, value: Tried, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a configuration."""
        return super().taken(value, (*given, "scenario")) | {"scenario": value.configuration.scenario}


class SpotConfiguration(Part):
    """A configuration with spot nodes, which costs less than the cheapest without them."""

    scenario: str
    monthly_usd: Cents = None
    needed: int = 0
    """Replicas that must be there for the thresholds to hold."""
    risk: Figure = None
    """Share of the time during which fewer are there."""

    @classmethod
    def taken(cls, value: OnSpot, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a configuration."""
        return super().taken(value, (*given, "scenario")) | {"scenario": value.configuration.scenario}


class ConfigurationSearch(Part):
    """The search for the cheapest configuration."""

    best: TriedConfiguration | None = None
    """Null if none holds within the budget."""
    knee: TriedConfiguration | None = None
    """Where more money begins to buy less room; null with fewer than three on the front."""
    front: tuple[TriedConfiguration, ...] = ()
    """Those that no other beats in both cost and room, the cheapest first."""
    tried: tuple[TriedConfiguration, ...] = ()
    space: int = 0
    """Number of configurations; the others were ruled out without a run."""
    settled: dict[str, int] = Field(default_factory=dict)
    """How many were ruled out, by the reason."""
    spot: tuple[SpotConfiguration, ...] = ()
    """What spot nodes would save and risk, the cheapest first: those that no other beats in both."""

    @classmethod
    def taken(cls, value: Search, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a search."""
        return super().taken(value, given)


class MovedInput(Part):
    """An input with another value, and what that makes of the thresholds."""

    words: str
    """``+20 %``, ``1 less``."""
    use: Figure = None
    """Share of the tightest limit that is used up."""
    holds: bool = False
    tightest: JudgedThreshold


class InputSwing(Part):
    """How far one input moves the verdict."""

    name: str
    base: Figure = None
    """Share of the tightest limit that is used up at present."""
    size: Figure = None
    """By how much that share differs at most."""
    moved: tuple[MovedInput, ...] = ()


class RiskPoint(Part):
    """The probability of missing a threshold within one stretch of traffic."""

    by: str = "rate"
    """``rate``: ``at`` is a multiple of the environment's traffic. ``replicas``: at its present rate, with ``at`` engine replicas."""
    at: Figure = None
    monthly_usd: Cents = None
    share: Figure = None
    """Of the replications, how many missed one."""
    ci95: Interval = (None, None)
    n: int = 0
    missed: dict[str, int] = Field(default_factory=dict)
    """By threshold, in how many of them."""

    @classmethod
    def taken(cls, value: Risk, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a risk."""
        said = {"ci95": (value.low, value.high), "missed": dict(value.thresholds)}
        return super().taken(value, (*given, *said)) | said


class Capacity(Part):
    """How much traffic an environment holds."""

    environment: str
    seed: int = 0
    thresholds: tuple[str, ...] = ()
    rate_per_s: Figure = None
    """Requests per second of the environment's own traffic."""
    factor: Figure = None
    """The largest multiple of that traffic that holds; 0 if not even the smallest does."""
    holds_per_s: Figure = None
    """The same in requests per second."""
    broken_factor: Figure = None
    """The smallest multiple at which a threshold is known to break; null if none was found."""
    judged: tuple[JudgedThreshold, ...] = ()
    """At the largest rate that holds."""
    binding: tuple[JudgedThreshold, ...] = ()
    """What breaks first."""
    search: ConfigurationSearch | None = None
    swings: tuple[InputSwing, ...] = ()
    """The inputs, the one that moves the verdict most first; empty if that was not asked."""
    risks: tuple[RiskPoint, ...] = ()
    """By rate, then by replicas; empty if that was not asked."""

    @classmethod
    def taken(cls, value: Found, given: Collection[str] = ()) -> dict[str, Any]:  # noqa: ARG003  # all of it is said here
        """Return the fields taken from an answer."""
        largest = value.largest
        said = {name: getattr(value, name) for name in ("environment", "seed", "thresholds", "rate_per_s", "search", "swings", "risks")}
        rates = {"factor": largest.factor, "broken_factor": largest.broken_factor, "holds_per_s": largest.factor * value.rate_per_s}
        return said | rates | {"judged": largest.at_factor, "binding": largest.binding}
