"""Small machines: pods request less CPU than they may use.

Rule: limits stay, so that a pod that is alone runs as fast as anywhere; only what the scheduler reserves shrinks. Engines are left alone:
their speed is predicted, and it is what they request (``pods.Size.of``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacks.components.pods import cpu_quantity, declared_template
from stacks.graph.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    import pulumi


def overcommitted(factor: float) -> Callable[[pulumi.ResourceTransformationArgs], None]:
    """Return the transformation that divides the CPU requests of every pod template by ``factor``, to at least a thousandth of a core."""

    def shrink(args: pulumi.ResourceTransformationArgs) -> None:
        template = declared_template(args)
        if template is None or factor == 1:
            return
        for container in [*template.spec.containers, *(template.spec.init_containers or ())]:
            requests = container.resources.requests
            requests["cpu"] = cpu_quantity(max(quantity(requests["cpu"]) / factor, 0.001))

    return shrink
