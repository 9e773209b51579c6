"""When a node that was added for pods goes again: by its pool's own rule, else by the cluster autoscaler's default.

Karpenter (karpenter.sh/v1, NodePool ``spec.disruption``): a node goes ``consolidateAfter`` the last pod came to it or left it, if it is
empty, or with ``WhenEmptyOrUnderutilized`` also if its pods fit on the other nodes. Not modelled: its replacement of nodes by cheaper ones,
and the disruption budgets of nodes and of pods.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.formats.durations import duration_s
from stacks.errors import ConfigurationError
from stacks.graph import labels

if TYPE_CHECKING:
    from stacks.graph import Graph, Resource

_UNDERUSED: Final = "WhenEmptyOrUnderutilized"


@dataclass(frozen=True, slots=True)
class Consolidation:
    """A node goes after ``after_s`` seconds without a change of its pods: when it has none, or if ``underused`` when they fit elsewhere."""

    after_s: float
    underused: bool = False

    def __str__(self) -> str:
        when = "that is empty, or whose pods fit elsewhere," if self.underused else "that is empty"
        return f"a node {when} goes after {self.after_s:g} s" if math.isfinite(self.after_s) else "its nodes stay"


#: The cluster autoscaler's default of ``--scale-down-unneeded-time``.
UNNEEDED: Final = Consolidation(600.0)


def consolidations(graph: Graph) -> dict[str, Consolidation]:
    """Return the rules of Karpenter's NodePools, by pool.

    Raises:
        ConfigurationError: a policy or a delay is not one of Karpenter's.
    """
    pools = (resource for resource in graph.known.objects("NodePool") if str(resource.inputs.get("apiVersion")).startswith("karpenter.sh/"))
    return {_pool(resource): _rule(resource) for resource in pools}


def _pool(resource: Resource) -> str:
    template = resource.spec.get("template") or {}
    own = (template.get("metadata") or {}).get("labels") or {}
    return str(own.get(labels.POOL, resource.object_name))


def _rule(resource: Resource) -> Consolidation:
    said = resource.spec.get("disruption") or {}
    if not isinstance(said, Mapping):
        raise ConfigurationError(f"{resource.label}: disruption is not an object; see `kubectl explain nodepool.spec.disruption`")
    policy = said.get("consolidationPolicy", _UNDERUSED)
    if policy not in {"WhenEmpty", _UNDERUSED}:
        raise ConfigurationError(f"{resource.label}, disruption.consolidationPolicy: {policy!r} is neither WhenEmpty nor {_UNDERUSED}")
    delay = said.get("consolidateAfter", "0s")
    after_s = math.inf if delay == "Never" else duration_s(delay)
    if after_s is None:
        raise ConfigurationError(f"{resource.label}, disruption.consolidateAfter: {delay!r} is neither a duration such as 15m nor Never")
    return Consolidation(after_s, policy == _UNDERUSED)
