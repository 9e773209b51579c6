"""How the rate of a run changes over its duration, with a mean of one.

A shape is an intensity over the elapsed share of the run (0 to 1) and the inverse of its integral. Mapping the points of a unit-rate
process through the inverse gives a process with that intensity (time rescaling: Daley and Vere-Jones, An Introduction to the Theory of
Point Processes, theorem 7.4.I), so every shape works with every arrival process and keeps the mean rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A spike lasts a tenth of the run, in its middle, at five times the rate around it.
_SPIKE_FROM, _SPIKE_TO, _SPIKE_FACTOR = 0.45, 0.55, 5.0
_BASE: Final = 1 / (1 + (_SPIKE_FACTOR - 1) * (_SPIKE_TO - _SPIKE_FROM))

# Swing of a day around its mean; the trough of a quarter is that of a large public service (ServeGen m-large: 48 of 195.8 per s).
_SWING: Final = 0.75


@dataclass(frozen=True, slots=True)
class Shape:
    """``intensity(share)``: rate relative to the mean. ``quantile(p)``: share of the run at which ``p`` of the requests have arrived."""

    intensity: Callable[[float], float]
    quantile: Callable[[float], float]


def _spike_intensity(share: float) -> float:
    return _BASE * (_SPIKE_FACTOR if _SPIKE_FROM <= share < _SPIKE_TO else 1.0)


def _spike_quantile(p: float) -> float:
    before = _BASE * _SPIKE_FROM
    if p <= before:
        return p / _BASE
    inside = _BASE * _SPIKE_FACTOR * (_SPIKE_TO - _SPIKE_FROM)
    if p <= before + inside:
        return _SPIKE_FROM + (p - before) / (_BASE * _SPIKE_FACTOR)
    return _SPIKE_TO + (p - before - inside) / _BASE


def _diurnal_quantile(p: float) -> float:
    # u - swing * sin(2 pi u) / (2 pi) = p is Kepler's equation; Newton from the middle of the orbit converges for every swing < 1.
    share = 0.5
    for _ in range(50):
        step = (share - _SWING * math.sin(2 * math.pi * share) / (2 * math.pi) - p) / _diurnal_intensity(share)
        share -= step
        if abs(step) < 1e-14:
            break
    return min(1.0, max(0.0, share))


def _diurnal_intensity(share: float) -> float:
    return 1 - _SWING * math.cos(2 * math.pi * share)


#: Every value of ``traffic.shape``: constant; from zero to twice the mean; a burst in the middle; one day from trough to trough.
SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        "constant": Shape(lambda _share: 1.0, lambda p: p),
        "ramp": Shape(lambda share: 2 * share, math.sqrt),
        "spike": Shape(_spike_intensity, _spike_quantile),
        "diurnal": Shape(_diurnal_intensity, _diurnal_quantile),
    }
)
