"""``sandtable cost``: by component, by token, and what would cost less."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sandtable.document.parts.base import Cents, Figure, Number, Part
from sandtable.document.parts.cost import Cost

if TYPE_CHECKING:
    from sandtable.jobs.cost import CostAnswer
    from simulations.cost.charges import Charge


class Component(Part):
    """A namespace with OpenCost's fields, in USD a month; ``__idle__`` is what no pod requests."""

    name: str
    cpu_usd: Cents = None
    ram_usd: Cents = None
    gpu_usd: Cents = None
    total_usd: Cents = None


class TokenPrice(Part):
    """The price of output at one load."""

    traffic_factor: Figure = None
    usd_per_million_output_tokens: Figure = None


class Saving(Part):
    """One way to spend less, priced on its own."""

    name: str
    saving_usd: Cents = None
    share: Figure = None
    """Of the present cost."""
    risk: str = ""


class ProviderBill(Part):
    """What a provider outside the stack bills for tokens in a month."""

    provider: str
    request_share: Figure = None
    """Of all requests that the gateway gets."""
    monthly_usd: Cents = None


class UseCharge(Part):
    """Something that is billed by use, beside the nodes."""

    name: str
    quantity: Figure = None
    """In a month."""
    unit: str = ""
    usd_per_unit: Number = None
    monthly_usd: Cents = None
    basis: str = ""
    """Where the quantity is from."""
    price_source: str = ""
    price_as_of: str = ""

    @classmethod
    def taken(cls, value: Charge, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from a charge."""
        rate = value.rate
        own = {"unit": rate.unit, "usd_per_unit": rate.usd, "price_source": rate.source, "price_as_of": rate.as_of}
        return super().taken(value, (*given, *own)) | own


class EnvironmentCost(Part):
    """What an environment costs a month."""

    environment: str
    cost: Cost = Cost()
    components: tuple[Component, ...] = ()
    per_mtok: tuple[TokenPrice, ...] = ()
    """If the stack holds the load; `sandtable capacity` tells."""
    options: tuple[Saving, ...] = ()
    """Empty unless asked for."""
    providers: tuple[ProviderBill, ...] = ()
    """Billed beside the nodes; emulated providers bill nothing."""
    charges: tuple[UseCharge, ...] = ()
    """For storage and answers, beside the nodes."""
    total_usd: Cents = None
    """A month of nodes, providers and charges."""

    @classmethod
    def taken(cls, value: CostAnswer, given: Collection[str] = ()) -> dict[str, Any]:
        """Return the fields taken from an answer."""
        priced = [{"traffic_factor": factor, "usd_per_million_output_tokens": usd} for factor, usd in value.per_mtok]
        beside = [*(bill.monthly_usd for bill in value.providers), *(charge.monthly_usd for charge in value.charges)]
        own = {"per_mtok": priced, "total_usd": value.cost.monthly_usd + math.fsum(beside)}
        return super().taken(value, (*given, *own)) | own
