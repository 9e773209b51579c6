"""``sandtable preview``, ``up``, ``down`` and ``refresh``."""

from __future__ import annotations

from typing import Annotated

from sandtable.document.parts.base import Number, Part, rounded
from sandtable.document.parts.cost import PlannedCost
from sandtable.document.parts.policies import Finding

_Seconds = Annotated[Number, rounded(3)]


class ResourceChange(Part):
    """One resource that changes."""

    operation: str
    """Pulumi's: create, update, delete, replace …"""
    label: str
    urn: str = ""
    paths: tuple[str, ...] = ()
    """Paths of the properties that change."""


class Update(Part):
    """What an ``up`` or a ``down`` did."""

    changes: dict[str, int]
    """Number of resources by operation: create, update, delete, same, replace …"""
    seconds: _Seconds = None


class Drift(Part):
    """What changed on the cluster since the last deployment, outside Pulumi."""

    changes: dict[str, int]
    """Number of resources by operation."""
    steps: tuple[ResourceChange, ...] = ()
    seconds: _Seconds = None


class Plan(Part):
    """What an ``up`` would change, what it costs before and after, and what the policies say."""

    environment: str
    changes: dict[str, int]
    """Number of resources by operation."""
    steps: tuple[ResourceChange, ...] = ()
    resources: int = 0
    digest: str = ""
    cost: PlannedCost = PlannedCost()
    policies: tuple[Finding, ...] = ()
    seconds: _Seconds = None

    @property
    def denied(self) -> int:
        """How many findings would block the release."""
        return sum(finding.denies for finding in self.policies)
