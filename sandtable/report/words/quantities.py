"""How quantities are written, the same in the terminal, the page and the pull request.

Rule 1: a figure has its unit, its 95 % interval and its n; a missing one is a dash.
Rule 2: an end that the sample does not bound is written in words: ``[≥ 131.0, n too small]``.
Figures have about four significant digits, enough to distinguish two runs without false precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sandtable.document.parts.base import Interval

ABSENT: Final = "—"


def figure(value: float | None, unit: str = "") -> str:
    """Return ``value`` in digits without its unit; ``unit`` is ms, s, share (in per cent), tokens_per_s, usd, count, bytes or empty.

    >>> figure(148.2345, "ms"), figure(0.0423, "share"), figure(19412.3, "usd"), figure(None)
    ('148.2', '4.23', '19,412', '—')
    """
    if value is None:
        return ABSENT
    if unit == "share":
        value *= 100
    if unit in ("count", "bytes"):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    size = abs(value)
    if 0 < size < 1e-3:
        return f"{value:.3g}"
    digits = 0 if size >= 1000 or value == 0 else 1 if size >= 100 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return f"{value:,.{digits}f}"


def usd(value: float | None) -> str:
    """Return an amount of money: whole dollars from 100 on, cents below, four digits or the first two that count below one cent.

    >>> usd(19412.3), usd(3.4), usd(0.0042), usd(0), usd(-250), usd(0.0000025)
    ('$19,412', '$3.40', '$0.0042', '$0', '-$250', '$0.0000025')
    """
    if value is None:
        return ABSENT
    size = abs(value)
    digits = 0 if size >= 100 or size == 0 else 2 if size >= 0.01 else max(4, 1 - math.floor(math.log10(size)))
    return f"{'-' if value < 0 else ''}${size:,.{digits}f}"


def unit_price(value: float | None) -> str:
    """Return the price of one: cents, and where it is small three digits that count, because it is multiplied by many.

    >>> unit_price(55.04), unit_price(0.04), unit_price(0.0725), unit_price(0.3653), unit_price(2.5e-6), unit_price(0)
    ('$55.04', '$0.04', '$0.0725', '$0.365', '$0.0000025', '$0')
    """
    if value is None or not value:
        return usd(value)
    digits = max(2, 2 - math.floor(math.log10(abs(value))))
    whole, _, decimals = f"{abs(value):,.{digits}f}".partition(".")
    return f"{'-' if value < 0 else ''}${whole}.{decimals.rstrip('0'):0<2}"


def percent(share: float | None, *, signed: bool = False) -> str:
    """Return a share in per cent, with one digit below 100 %.

    >>> percent(0.0423), percent(-0.062, signed=True), percent(2.5, signed=True)
    ('4.2 %', '-6.2 %', '+250 %')
    """
    if share is None:
        return ABSENT
    value = share * 100
    return f"{value:{'+' if signed else ''},.{0 if abs(value) >= 100 else 1}f} %"


def interval(ci95: Interval | None, unit: str = "") -> str:
    """Return a 95 % interval in brackets; empty if it is unknown.

    >>> interval((131.02, 171.44), "ms"), interval((131.02, None), "ms"), interval(None)
    ('[131.0, 171.4]', '[≥ 131.0, n too small]', '')
    """
    if ci95 is None:
        return ""
    low, high = ci95
    if low is None and high is None:
        return "[n too small]"
    if high is None:
        return f"[≥ {figure(low, unit)}, n too small]"
    if low is None:
        return f"[≤ {figure(high, unit)}, n too small]"
    return f"[{figure(low, unit)}, {figure(high, unit)}]"


def seconds(value: float | None) -> str:
    """Return a duration in the units an operator uses.

    >>> seconds(0.04), seconds(19.04), seconds(75), seconds(3720), seconds(None)
    ('0.0 s', '19.0 s', '1 min 15 s', '1 h 2 min', '—')
    """
    if value is None:
        return ABSENT
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def count(number: float, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 node``, ``41 nodes``, ``0 nodes``."""
    return f"{figure(number, 'count')} {noun if number == 1 else plural or noun + 's'}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with what is known about its precision."""

    value: float | None
    unit: str = ""
    ci95: Interval | None = None
    n: int | None = None

    @property
    def text(self) -> str:
        """The figure alone."""
        return figure(self.value, self.unit)

    @property
    def interval(self) -> str:
        """Its interval in brackets; empty if the figure is unknown."""
        return "" if self.value is None else interval(self.ci95, self.unit)

    @property
    def size(self) -> str:
        """``n=120``; empty if the figure is not a statistic of a sample."""
        return "" if self.n is None else f"n={self.n:,}"

    def __str__(self) -> str:
        return " ".join(part for part in (self.text, self.interval, self.size) if part)
