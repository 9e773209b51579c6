"""How much of its data sheet a GPU reaches in each kind of kernel, and what a kernel costs before it does anything (``kernels.toml``).

The table is written by ``fitting.py``. A GPU whose kernels nobody measured takes those of its generation, marked as assumed.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulations.hardware import gpu
from simulations.provenance import Coefficient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulations.provenance import Provenance

TABLE: Final = Path(__file__).with_name("kernels.toml")
#: The unit of each coefficient, by its name in the table.
UNITS: Final = {
    "weights": "share of bandwidth",
    "matrices": "share of peak",
    "overlap": "exponent",
    "keys": "share of bandwidth",
    "attention": "share of peak",
    "elementwise": "share of bandwidth",
    "layer_s": "s/layer",
    "prompt_layer_s": "s/layer with prompts",
    "sequence_layer_s": "s/(layer * sequence)",
    "head_norms_s": "s/layer",
    "experts_s": "s/layer",
}


@dataclass(frozen=True, slots=True)
class Kernels:
    """The coefficients of one GPU, by cause.

    A layer's matrix products take (memory^p + compute^p)^(1/p): ``weights`` is the share of the bandwidth at which weights are read,
    ``matrices`` the share of the peak in large products, and ``overlap`` is p, since the larger of the two hides the other.
    ``keys`` is the share of the bandwidth when tokens are generated, ``attention`` the share of the peak in prompts, ``elementwise`` the
    share of the bandwidth of norms and gates. ``mixed_keys`` is how many times as long it takes to read keys in a step that also has prompt
    tokens: kernels that take prompts and single tokens together neither split long contexts nor share keys between the queries of a group.
    ``layer_s`` are the launches of a layer, ``prompt_layer_s`` more of them if a step has
    prompt tokens, ``sequence_layer_s`` each generating sequence, ``head_norms_s`` and ``experts_s`` models that have these.
    ``all_reduce`` has for each size of a group the seconds by bytes, linear in between; it is the kernels' own time, so waiting for a
    slower GPU is not in it.
    """

    weights: Coefficient
    matrices: Coefficient
    overlap: Coefficient
    keys: Coefficient
    attention: Coefficient
    elementwise: Coefficient
    mixed_keys: Coefficient
    layer_s: Coefficient
    prompt_layer_s: Coefficient
    sequence_layer_s: Coefficient
    head_norms_s: Coefficient
    experts_s: Coefficient
    all_reduce: Mapping[int, Sequence[tuple[float, float]]]

    def named(self) -> list[tuple[str, Coefficient]]:
        """Return the coefficients with their names."""
        return [(field.name, getattr(self, field.name)) for field in fields(self) if field.name != "all_reduce"]

    def all_reduce_s(self, group: int, message_bytes: float) -> float:
        """Return the seconds of one all-reduce; 0 for a single GPU.

        Raises:
            KeyError: nobody measured a group of this size.
        """
        if group == 1:
            return 0.0
        points = self.all_reduce[group]
        sizes = [size for size, _ in points]
        high = min(max(bisect_left(sizes, message_bytes), 1), len(points) - 1)
        (low_bytes, low_s), (high_bytes, high_s) = points[high - 1], points[high]
        seconds = low_s + (high_s - low_s) * (message_bytes - low_bytes) / (high_bytes - low_bytes)
        return max(seconds, points[0][1])


@cache
def kernels_of(name: str) -> Kernels:
    """Return the kernels of the GPU ``name``.

    Raises:
        CalibrationError: the GPU is unknown; the message lists the known ones.
    """
    gpu(name)
    document = _document()
    row = document[name]
    if like := row.get("like"):
        return kernels_from(document[like], "assumed", f"as on {like}, {row['because']}: ")
    return kernels_from(row, "derived")


def kernels_from(row: Mapping[str, Any], provenance: Provenance, note: str = "") -> Kernels:
    """Return the kernels of a row of the table."""
    source = f"{note}{row['source']}"
    values = {name: Coefficient(float(row[name]), unit, provenance, source) for name, unit in UNITS.items()}
    table = {int(group): [(float(size), float(s)) for size, s in points] for group, points in row["all_reduce"].items()}
    ratio, origin, why = row["mixed_keys"]
    return Kernels(**values, mixed_keys=Coefficient(ratio, "ratio", origin, why), all_reduce=table)


@cache
def _document() -> Mapping[str, Any]:
    return tomllib.loads(TABLE.read_text())
