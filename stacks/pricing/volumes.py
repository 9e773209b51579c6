"""The storage that a graph's pods claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacks.graph.capacity import GIB
from stacks.graph.demand import claim_templates
from stacks.graph.quantities import quantity

if TYPE_CHECKING:
    from stacks.graph import Graph


def claimed(graph: Graph) -> tuple[int, float]:
    """Return the number of volume claims of ``graph``, and their GiB in all.

    Raises:
        ConfigurationError: a size is not a quantity.
    """
    claims, gib = 0, 0.0
    for resource in claim_templates(graph):
        copies = int(resource.spec.get("replicas", 1)) if resource.kind == "StatefulSet" else 1
        for claim in resource.spec.get("volumeClaimTemplates") or [resource.inputs]:
            size = (((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}).get("storage", 0)
            claims += copies
            gib += copies * quantity(size, f"{resource.label}, storage") / GIB
    return claims, gib
