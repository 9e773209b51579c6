"""Prices by provider, model and date, banded by the length of the whole prompt; integer nano-dollars per token.

A list price of one dollar per million tokens is 1,000 nano-dollars per token, so prices with up to three decimals are exact integers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from workloads.gateway.errors import ConfigurationError

SHIPPED: Final = Path(__file__).parent / "prices.json"
_MOST_FOUND: Final = 1_000
_TOKEN_BUCKETS: Final = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


@dataclass(frozen=True, slots=True)
class Band:
    """Nano-dollars per token for prompts of more than ``above_prompt_tokens``; None if no price is published."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    above_prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The prices of a model over a time; ``until`` is the first day on which they no longer hold."""

    provider: str
    model: str
    first_day: date
    until: date | None
    bands: tuple[Band, ...]  # by falling threshold

    def band(self, prompt_tokens: int) -> Band:
        """Return the band of a prompt; the whole request is billed by it."""
        return next(band for band in self.bands if prompt_tokens > band.above_prompt_tokens or band.above_prompt_tokens == 0)


@dataclass(frozen=True)
class PriceBook:
    """All prices. The ledger records ``version`` with each cost."""

    version: str
    rows: dict[tuple[str, str], tuple[PriceRow, ...]]
    web_search: dict[str, int] = field(default_factory=dict)  # provider → nano-dollars a search
    _found: dict[tuple[str, str], tuple[date, PriceRow | None]] = field(default_factory=dict, compare=False, repr=False)

    def row(self, provider: str, model: str, unix_s: float) -> PriceRow | None:
        """Return the prices of a model at a time, None if none is known. A dated name (``-20260101``) has its model's prices."""
        day = _day(int(unix_s) // 86_400)
        found = self._found.get((provider, model))
        if found is None or found[0] is not day:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            found = self._found[provider, model] = day, self._row(provider, model, day)
        return found[1]

    def _row(self, provider: str, model: str, day: date) -> PriceRow | None:
        for key in _keys(provider, model):
            for row in self.rows.get(key, ()):
                if row.first_day <= day and (row.until is None or day < row.until):
                    return row
        return None

    def knows(self, provider: str, model: str) -> bool:
        """Whether there are prices of a model at any time."""
        return any(key in self.rows for key in _keys(provider, model))

    @property
    def dearest(self) -> Band:
        """The highest prices of the book: the assumed price of an unknown model, so that it never counts as free."""
        bands = [band for rows in self.rows.values() for row in rows for band in row.bands]
        highest = {name: max((getattr(band, name) or 0 for band in bands), default=0) for name in _TOKEN_BUCKETS}
        return Band(**highest)


def _keys(provider: str, model: str) -> tuple[tuple[str, str], ...]:
    """Return the keys under which the prices of a model may be: its name, and for a dated name its model's."""
    undated = model.rpartition("-")[0] if model[-8:].isdigit() else None
    return ((provider, model),) if undated is None else ((provider, model), (provider, undated))


@lru_cache(maxsize=4)
def _day(number: int) -> date:
    return datetime.fromtimestamp(number * 86_400, UTC).date()


def load_prices(*paths: Path) -> PriceBook:
    """Read price files; later ones add rows, which come before those of earlier ones.

    Raises:
        ConfigurationError: a file cannot be read, or is not a price file; names the place.
    """
    rows: dict[tuple[str, str], tuple[PriceRow, ...]] = {}
    versions: list[str] = []
    searches: dict[str, int] = {}
    for path in paths:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path}: cannot be read as prices: {error}") from error
        try:
            versions.append(str(document["version"]))
            for index, item in enumerate(document["rows"]):
                row = _row(item, f"rows[{index}]")
                rows[row.provider, row.model] = (row, *rows.get((row.provider, row.model), ()))
            for provider, price in document.get("web_search_usd_per_1000", {}).items():
                searches[provider] = int(Decimal(price) * 1_000_000)
        except (KeyError, TypeError, AttributeError, ValueError, InvalidOperation) as error:
            raise ConfigurationError(f"{path}: is not a price file: {error!r}; see workloads/gateway/money/prices.json") from error
    return PriceBook("+".join(versions), rows, searches)


def _row(item: dict[str, Any], at: str) -> PriceRow:
    bands = sorted((make_band(band, f"{at}.bands") for band in item["bands"]), key=lambda band: -band.above_prompt_tokens)
    if not bands or bands[-1].above_prompt_tokens:
        raise ValueError(f"{at}.bands needs one for short prompts")
    until = item.get("until")
    return PriceRow(
        item["provider"], item["model"], date.fromisoformat(item["from"]), date.fromisoformat(until) if until else None, tuple(bands)
    )


def make_band(item: dict[str, Any], at: str) -> Band:
    """Read a band whose prices are texts of dollars per million tokens.

    Raises:
        ValueError: a price is not one, or has more than three decimals.
    """
    prices: dict[str, Any] = {}
    for name in _TOKEN_BUCKETS:
        if (text := item.get(name)) is None:
            continue
        nano = Decimal(str(text)) * 1000
        if nano != nano.to_integral_value() or nano < 0:
            raise ValueError(f"{at}.{name}: {text!r} must be a price with at most three decimals")
        prices[name] = int(nano)
    return Band(**prices, above_prompt_tokens=int(item.get("above_prompt_tokens", 0)))
