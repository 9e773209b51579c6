"""Hourly prices of nodes: the price book, a dated table of public list prices.

Rule 1: every price has its source and date; a price that looks wrong in its source is marked (``suspect``) and kept.
Rule 2: a missing price is an error here, never zero.
Rule 3: no price is fetched: the book is a file. ``price_book.csv`` beside this module is our snapshot, read on 2026-11-23 from the public
instance catalogue named in each row. Its list prices are from a zone with a mid-range spot price; they are undated samples, not quotes.

Prices are USD per hour for the whole instance. If an accelerator is sold separately from its host, the row has the sum of both.
"""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

COLUMNS: Final = (
    "cloud",
    "region",
    "instance_type",
    "gpu_model",
    "gpus",
    "vcpus",
    "memory_gib",
    "on_demand_usd_per_hour",
    "spot_usd_per_hour",
    "suspect",
    "source",
    "as_of",
)
#: A list price older than this has probably changed: in the book's own sources GPU prices moved by 40 % within a year.
STALE_AFTER: Final = timedelta(days=180)
BUNDLED: Final = Path(__file__).with_name("price_book.csv")
#: Upper limit of every number in a row: more than any machine has of anything, and more than a large data centre costs an hour.
LARGEST: Final = 1_000_000

_ALLOWED: Final = "`budget: price_book:` is `bundled` or the path of a CSV"


class UnpricedError(ConfigurationError):
    """The book has no such row; the text names the request and the nearest rows. ``nearest`` is the closest one, if there is any."""

    def __init__(self, message: str, nearest: str | None) -> None:
        self.nearest = nearest
        super().__init__(message)


class PriceBookError(ConfigurationError):
    """A price book cannot be read; the text names the file, the line and the column."""


@dataclass(frozen=True, slots=True)
class Price:
    """One row of the book.

    ``usd_per_hour`` is the on-demand price; it and ``spot_usd_per_hour`` are None if the source has none. ``vcpus`` and ``memory_gib`` are
    None if the row does not specify them. ``suspect`` says why the source's figure is doubtful, else None. ``as_of`` is a text: the latest
    month the price can be from, or ``undated``.
    """

    cloud: str
    region: str
    instance_type: str
    gpu_model: str | None
    gpus: int
    vcpus: float | None
    memory_gib: float | None
    usd_per_hour: float | None
    spot_usd_per_hour: float | None
    suspect: str | None
    source: str
    as_of: str

    @property
    def reference(self) -> str:
        """``cloud/region/instance_type``, the price reference of a graph's nodes."""
        return f"{self.cloud}/{self.region}/{self.instance_type}"

    def for_purchase(self, purchase: str) -> float | None:
        """Return USD per hour for ``on-demand``, ``spot`` or ``reserved``; None if the book has no such price.

        The book has no reserved prices, because they are in private contracts. ``reserved`` is priced as on-demand, an upper bound.
        """
        return self.spot_usd_per_hour if purchase == "spot" else self.usd_per_hour

    def age_warning(self, today: date) -> str | None:
        """Return why this price may be out of date on ``today``, or None. A machine that is free by definition never is."""
        if self.cloud == "local":
            return None
        if (latest := _latest_month(self.as_of)) is None:
            return f"{self.reference}: the price is {self.as_of}; check it before deciding on it"
        if today - latest > STALE_AFTER:
            return f"{self.reference}: the price is from {self.as_of}, {(today - latest).days} days ago or more"
        return None


class PriceBook:
    """Prices by cloud, region and instance type."""

    def __init__(self, prices: Iterable[Price], name: str) -> None:
        self.name = name
        self._prices = {price.reference: price for price in prices}

    def __iter__(self) -> Iterator[Price]:
        return iter(self._prices.values())

    def __len__(self) -> int:
        return len(self._prices)

    @classmethod
    @cache
    def bundled(cls) -> Self:
        """Return the snapshot that ships with the project."""
        return cls(read_rows(BUNDLED), "bundled")

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a book of your own: a CSV with the columns of :data:`COLUMNS`.

        Raises:
            PriceBookError: the file cannot be read, a column is missing, or a value is wrong.
        """
        return cls(read_rows(Path(path)), str(path))

    @classmethod
    def named(cls, name: str, *, root: Path = Path()) -> Self:
        """Return the bundled book for ``bundled``, otherwise the one in the file ``name``, relative to ``root``.

        Raises:
            PriceBookError: the file cannot be read or is not a price book.
        """
        if name == "bundled":
            return cls.bundled()
        try:
            path = root / Path(name).expanduser()
        except RuntimeError as error:
            raise PriceBookError(f"price book {name}: there is no such home folder. {_ALLOWED}") from error
        return cls.read(path)

    def scaled(self, factor: float) -> PriceBook:
        """Return a book in which every price is multiplied by ``factor``, marked as assumed."""
        return PriceBook(
            (
                replace(
                    price,
                    usd_per_hour=None if price.usd_per_hour is None else price.usd_per_hour * factor,
                    spot_usd_per_hour=None if price.spot_usd_per_hour is None else price.spot_usd_per_hour * factor,
                    source=f"{price.source}, times {factor:g} (assumed)",
                )
                for price in self
            ),
            f"{self.name} times {factor:g}",
        )

    def price(self, cloud: str, region: str, instance_type: str) -> Price:
        """Return the row of an instance type.

        Raises:
            UnpricedError: there is no such row.
        """
        return self.by_reference(f"{cloud}/{region}/{instance_type}")

    def by_reference(self, reference: str) -> Price:
        """Return the row called ``cloud/region/instance_type``.

        Raises:
            UnpricedError: there is no such row.
        """
        if reference in self._prices:
            return self._prices[reference]
        instance_type = reference.rpartition("/")[2]
        elsewhere = sorted(key for key, price in self._prices.items() if price.instance_type == instance_type)
        nearest = elsewhere or difflib.get_close_matches(reference, self._prices, n=3, cutoff=0.5)
        raise UnpricedError(
            f"{self.name} price book: no price for {reference!r}"
            + (f"; nearest: {', '.join(nearest)}" if nearest else "")
            + ". Correct `instance_type` or `region` of the node pool, or add the row to your own price book (`budget: price_book: FILE`)",
            nearest[0] if nearest else None,
        )

    def for_gpu(self, model: str) -> tuple[Price, ...]:
        """Return the rows with this GPU model, cheapest GPU first; rows without an on-demand price last.

        Raises:
            UnpricedError: no row has it.
        """
        rows = [price for price in self if price.gpu_model == model]
        if not rows:
            models = sorted({price.gpu_model for price in self if price.gpu_model})
            near = difflib.get_close_matches(model.upper(), models, n=1, cutoff=0.3)
            raise UnpricedError(
                f"{self.name} price book: no price for GPU model {model!r}; it has {', '.join(models)}"
                + (f". Did you mean {near[0]!r}?" if near else ""),
                near[0] if near else None,
            )
        return tuple(sorted(rows, key=lambda p: (p.usd_per_hour is None, (p.usd_per_hour or 0.0) / max(p.gpus, 1), p.reference)))


def read_rows(path: Path) -> list[Price]:
    """Read the rows of a price book.

    Raises:
        PriceBookError: see :meth:`PriceBook.read`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets write a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PriceBookError(f"price book {path}: cannot be read ({reason}). {_ALLOWED}") from error
    reader = csv.DictReader(text.splitlines())
    rows: dict[str, Price] = {}
    try:
        _check_columns(path, reader.fieldnames or ())
        for row in reader:
            price = _Row(path, reader.line_num, row).price()
            if price.reference in rows:
                where = f"price book {path}, line {reader.line_num}"
                raise PriceBookError(f"{where}: {price.reference} is already priced above; keep one of them")
            rows[price.reference] = price
    except csv.Error as error:  # the reader's line number excludes the line that failed
        raise PriceBookError(f"price book {path}, line {reader.reader.line_num}: this is not a CSV row ({error})") from error
    if not rows:
        raise PriceBookError(f"price book {path}: it has no rows")
    return list(rows.values())


def _latest_month(as_of: str) -> date | None:
    """Return the first day of the month that ``as_of`` names; None for an undated price or if it names no month.

    Raises:
        ValueError: there is no such month.
    """
    if as_of.startswith("undated") or (month := re.search(r"(\d{4})-(\d{2})", as_of)) is None:
        return None
    return date(int(month[1]), int(month[2]), 1)


def _check_columns(path: Path, found: Sequence[str]) -> None:
    for column in COLUMNS:
        if column not in found:
            near = difflib.get_close_matches(column, [name for name in found if name not in COLUMNS], n=1)
            raise PriceBookError(
                f"price book {path}, line 1: column {column!r} is missing"
                + (f"; {near[0]!r} looks like it" if near else "")
                + f". Needed: {','.join(COLUMNS)}"
            )


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the file, to be parsed into a :class:`Price`."""

    path: Path
    line: int
    values: dict[str, str]

    def price(self) -> Price:
        return Price(
            cloud=self._text("cloud"),
            region=self._text("region"),
            instance_type=self._text("instance_type"),
            gpu_model=self.values["gpu_model"] or None,
            gpus=int(self._number("gpus") or 0),
            vcpus=self._number("vcpus"),
            memory_gib=self._number("memory_gib"),
            usd_per_hour=self._number("on_demand_usd_per_hour"),
            spot_usd_per_hour=self._number("spot_usd_per_hour"),
            suspect=self.values["suspect"] or None,
            source=self._text("source"),
            as_of=self._as_of(),
        )

    def _as_of(self) -> str:
        text = self._text("as_of")
        try:
            _latest_month(text)
        except ValueError:
            raise self._error("as_of", text, "a month such as 2026-06, from 01 to 12, nor is it `undated`") from None
        return text

    def _text(self, column: str) -> str:
        if value := (self.values[column] or "").strip():
            return value
        raise self._error(column, "", "a text; a price cannot be traced or found without it")

    def _number(self, column: str) -> float | None:
        """A number from zero to ``LARGEST``; None for an empty cell."""
        text = (self.values[column] or "").strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            raise self._error(column, text, "a number such as 3.06, without unit or currency sign") from None
        if not 0 <= value <= LARGEST:
            raise self._error(column, text, f"zero or more, and at most {LARGEST:,}")
        return value

    def _error(self, column: str, value: str, allowed: str) -> PriceBookError:
        return PriceBookError(f"price book {self.path}, line {self.line}, column {column}: {value!r} is not {allowed}")
