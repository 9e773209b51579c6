"""The GPUs that can be simulated, with what their makers publish (``gpus.toml``)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from simulations.hardware.tables import read, row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacks.pricing.prices import PriceBook


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU by its name in the price book.

    ``memory_bytes`` is its memory, ``bandwidth`` that of the memory in bytes/s, ``flops`` the dense peak in FLOP/s by precision (``fp16``
    also stands for bfloat16), ``link`` the bytes/s in one direction to the other GPUs of a node. ``sources`` has the source of each.
    """

    name: str
    memory_bytes: float
    bandwidth: float
    flops: Mapping[str, float]
    link: float
    sources: Mapping[str, str]

    def usd_per_hour(self, book: PriceBook, purchase: str = "on-demand") -> float | None:
        """Return the lowest price of one such GPU with its share of the host, in USD per hour; None if ``book`` has none.

        Rows that the book marks as suspect do not count.
        """
        rows = [(price.for_purchase(purchase), price.gpus) for price in book if price.gpu_model == self.name and price.suspect is None]
        return min((usd / count for usd, count in rows if usd is not None and count), default=None)


@cache
def gpus() -> Mapping[str, Gpu]:
    """Return all of them by name."""
    found = {}
    for name, values, sources in read("gpus.toml"):
        flops = {key.removeprefix("flops."): value for key, value in values.items() if key.startswith("flops.")}
        found[name] = Gpu(name, values["memory_bytes"], values["bandwidth"], flops, values["link"], sources)
    return found


def gpu(name: str) -> Gpu:
    """Return the GPU of this name.

    Raises:
        CalibrationError: it is unknown; the message lists the known ones.
    """
    return row(gpus(), name, "GPU model")
