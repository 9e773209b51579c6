"""What an environment costs, at list prices; a month has 730 hours (``stacks.pricing.costs`` computes it)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

from sandtable.document.parts.base import Cents, Number, Part, rounded

if TYPE_CHECKING:
    from stacks.pricing.costs import PoolCost as PricedPool


class PoolCost(Part):
    """The nodes of one pool with one price."""

    name: str
    nodes: int = 0
    purchase: str = ""
    instance_type: str = ""
    region: str = ""
    usd_per_hour: Number = None
    """List price of one node; null if the price book has no row for it."""
    monthly_usd: Cents = None
    price_source: str | None = None
    price_as_of: str | None = None
    suspect: str | None = None
    """Why the price is suspect."""

    @classmethod
    def taken(cls, value: PricedPool, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a priced pool."""
        price = value.price
        own = {
            "price_source": price.source if price else None,
            "price_as_of": price.as_of if price else None,
            "suspect": price.suspect if price else None,
        }
        return super().taken(value, (*given, *own)) | own


class Cost(Part):
    """The cost of the nodes as declared, and the range that the pools' bounds allow."""

    monthly_usd: Cents = None
    hourly_usd: Annotated[Number, rounded(4)] = None
    low_usd: Cents = None
    """A month with every pool at its minimum size."""
    high_usd: Cents = None
    """A month with every pool at its maximum size."""
    pools: tuple[PoolCost, ...] = ()
    unpriced: tuple[str, ...] = ()
    """Nodes without a price. They are not in the sums: read those as "at least"."""
    not_modelled: tuple[str, ...] = ()
    """What costs money and is not modelled; not free."""
    budget_usd: Number = None
    idle_share: Annotated[Number, rounded(4)] = None
    """Share of the cost that pays for capacity no pod requests."""
    assumptions: tuple[str, ...] = ()


class RunCost(Cost):
    """The cost of a rehearsed environment."""

    usd_per_million_output_tokens: Annotated[Number, rounded(4)] = None
    """At the measured rate, or else the predicted one; null if no token was generated."""


class PlannedCost(Cost):
    """The cost after a deployment."""

    before_monthly_usd: Cents = None
    """The cost of what is deployed now."""
