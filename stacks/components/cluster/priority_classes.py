"""Which pods go first when nodes are full: the platform, then serving, then training, then batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components.component import Component

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

#: Name → (value, whether it preempts lower ones, description). Far below the system's own classes (two billion).
_CLASSES: Final[dict[str, tuple[int, bool, str]]] = {
    "platform": (1_000_000, True, "Secrets, identity, collectors, data: without them nothing else runs."),
    "serving": (100_000, True, "Answers users; may evict training."),
    "training": (10_000, True, "Resumes from a checkpoint after an eviction."),
    "batch": (1_000, False, "Waits for room and evicts nobody."),
}


class PriorityClasses(Component):
    """The four priorities that an environment may name."""

    KIND: ClassVar = "cluster:PriorityClasses"
    APP: ClassVar = "priority-classes"

    by_name: dict[str, k8s.scheduling.v1.PriorityClass]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.by_name = {
            priority: k8s.scheduling.v1.PriorityClass(
                priority,
                metadata=self.metadata(priority, part=priority),
                value=value,
                preemption_policy="PreemptLowerPriority" if evicts else "Never",
                description=description,
                opts=self.options(),
            )
            for priority, (value, evicts, description) in _CLASSES.items()
        }
        self.register_outputs({"names": sorted(self.by_name)})
