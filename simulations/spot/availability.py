"""How many spot nodes are there, as a share of the time.

Those of one zone come and go together (``failures/incidents.py``), zones do not depend on each other, and each has capacity for
:data:`AVAILABLE` of the time. So the share of the time with so many nodes is a sum over the zones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Share of the time that a zone has spot capacity. Derived: the mean of nine AWS zones over 45 days of 2023, from .17 to .91
#: (skypilot-org/spot-traces, aws-02-15-2023).
AVAILABLE: Final = 0.64


def there(bought: Mapping[str, int], kept: int) -> dict[int, float]:
    """Return the share of the time with each number: ``kept`` always, and ``bought`` by zone."""
    shares = {kept: 1.0}
    for count in bought.values():
        following: dict[int, float] = {}
        for before, share in shares.items():
            for more, weight in ((count, AVAILABLE), (0, 1 - AVAILABLE)):
                following[before + more] = following.get(before + more, 0.0) + share * weight
        shares = following
    return shares
