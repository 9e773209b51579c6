"""Crossplane: what teams may claim is served, and the core refuses what its schema does not allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, NotHereError, require
from stacks.clusters.api import listing
from stacks.components import places
from stacks.components.platform.crossplane_apis import API_GROUP

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_XRDS: Final = listing("apiextensions.crossplane.io/v2", "compositeresourcedefinitions")
_UNPROCESSABLE: Final = 422
#: What keeps the schema of each kind.
CLAIMS: Final[dict[str, dict[str, Any]]] = {
    "AiEnvironment": {"size": "small", "region": "local", "monthlyBudgetUsd": 10},
    "GpuPool": {"model": "L4", "count": 1, "purchase": "spot", "region": "local"},
}


def established(ground: Ground) -> str:
    """Find every composite kind established and offered, and its schema in force."""
    ground.pods_with(places.CROSSPLANE, {"app.kubernetes.io/component": "core"}, "Crossplane's core")
    declared = [resource for resource in ground.graph.objects() if resource.kind == "CompositeResourceDefinition"]
    if not declared:
        raise NotHereError("the stack offers no composite kind")
    for resource in declared:
        live = ground.api.get(f"{_XRDS}/{resource.object_name}") or {}
        conditions = {one["type"] for one in (live.get("status") or {}).get("conditions") or () if one["status"] == "True"}
        require(
            "Established" in conditions, f"{resource.object_name} is not established: {', '.join(sorted(conditions)) or 'no condition'}"
        )
        kind, plural = resource.spec["names"]["kind"], resource.spec["names"]["plural"]
        path, version = listing(f"{API_GROUP}/v1alpha1", plural, places.AI), f"{API_GROUP}/v1alpha1"
        claim = {"apiVersion": version, "kind": kind, "metadata": {"name": "sandtable-verify"}, "spec": CLAIMS[kind]}
        answer = ground.api.send("POST", path, claim, query={"dryRun": "All"})
        require(answer.ok, f"a {kind} that keeps its schema is refused: {answer.message}")
        answer = ground.api.send("POST", path, {**claim, "spec": {"region": 1}}, query={"dryRun": "All"})
        require(answer.status == _UNPROCESSABLE, f"a {kind} that breaks its schema is answered with {answer.status}")
    return f"{len(declared)} composite kinds are established; a claim of each is admitted, a malformed one refused"


def checks() -> Iterator[Check]:
    """Yield the check of Crossplane."""
    yield Check(
        "composite-kinds",
        "Crossplane",
        "the core has established each composite kind, and teams may claim it",
        "a claim that breaks its schema is refused",
        established,
        needs_pods=True,
    )
