"""How far a figure may be from the published one. It is declared with the row, before any run.

Each tolerance carries the words that every table prints, so that what is judged and what is said cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from simulations.statistics import student, t95

if TYPE_CHECKING:
    from simulations.validation.row import Figure

#: Two computations of the same formula may differ by this share, through rounding alone.
ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A rule that a figure keeps or breaks; ``words`` says it."""

    words: str
    holds: Callable[[Figure], bool]


def within(most: float, unit: str) -> Tolerance:
    """Allow a difference of at most ``most``, in the unit of the figure."""
    return Tolerance(f"± {most:g} {unit}", lambda figure: abs(figure.got - figure.expected) <= most)


def relative(share: float) -> Tolerance:
    """Allow a difference of at most ``share`` of the expected value."""
    return Tolerance(f"± {100 * share:g} %", lambda f: _apart(f) <= share)


def within_interval(widest: float, *, figures: int = 1) -> Tolerance:
    """Require the expected value inside the figure's 95 % interval, and a half-width of at most ``widest`` of it.

    The bound on the width matters: a run that is short enough holds any value inside its interval. Of twenty right figures one lies outside
    its own interval, so a row of several ``figures`` widens them until the interval covers all of them together (Bonferroni, ADR 34).
    """
    z = NormalDist().inv_cdf(1 - 0.025 / figures)

    def holds(figure: Figure) -> bool:
        half = (figure.high - figure.low) / 2
        wider = max(1.0, student(z, figure.n - 1) / t95(figure.n - 1)) if figure.n > 1 else 1.0
        return half <= widest * abs(figure.got) and abs(figure.got - figure.expected) <= wider * half

    together = f" for {figures} figures together" if figures > 1 else ""
    return Tolerance(f"inside the 95 % interval{together}, half-width ≤ {100 * widest:g} %", holds)


def at_least(unit: str) -> Tolerance:
    """Require the expected value or more."""
    return Tolerance(f"at least, in {unit}", lambda figure: figure.got >= figure.expected)


#: The published digits and no other.
EXACT: Final = Tolerance("exact (1e-9)", lambda figure: _apart(figure) <= ROUNDING)
#: For a figure that is printed for the reader and does not decide.
REPORTED: Final = Tolerance("reported, not judged", lambda _: True)


def _apart(figure: Figure) -> float:
    difference = abs(figure.got - figure.expected)
    return difference / abs(figure.expected) if figure.expected else difference
