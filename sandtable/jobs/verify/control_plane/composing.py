"""Crossplane at work: a claim of ours is composed by the stack's function, what drifts is repaired, and deletion leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, NotHereError, NotRunError, require, wait_until
from sandtable.jobs.verify.control_plane.compositions import CLAIMS
from stacks.clusters.api import listing
from stacks.components import places
from stacks.components.platform.crossplane_apis import API_GROUP, FUNCTION_PODS

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_OWN: Final = "sandtable-verify"
_KIND, _PLURAL = "AiEnvironment", "aienvironments"
_COMPOSED: Final = f"{_OWN}-environment"
_BUDGET: Final = "monthly_budget_usd"
_MERGE: Final = "application/merge-patch+json"
_WITHIN_S: Final = 60.0


def composed(ground: Ground) -> str:
    """Claim an environment, disturb what it was composed of, and withdraw the claim."""
    if not any(one.kind == "CompositeResourceDefinition" for one in ground.graph.objects()):
        raise NotHereError("the stack offers no composite kind")
    ground.pods_with(places.CROSSPLANE, FUNCTION_PODS, "the composition function")
    with _namespace(ground) as namespace:
        claims = listing(f"{API_GROUP}/v1alpha1", _PLURAL, namespace)
        terms, bounds = (f"{listing('v1', kind, namespace)}/{_COMPOSED}" for kind in ("configmaps", "resourcequotas"))
        foreign = f"{listing('v1', 'configmaps', namespace)}/foreign"
        _create(
            ground, listing("v1", "configmaps", namespace), {"kind": "ConfigMap", "apiVersion": "v1", "data": {_BUDGET: "1"}}, "foreign"
        )
        claim = {"apiVersion": f"{API_GROUP}/v1alpha1", "kind": _KIND, "spec": CLAIMS[_KIND]}
        _create(ground, claims, claim, _OWN)
        made = wait_until(
            lambda: ground.api.get(terms) and ground.api.get(bounds),
            lambda: f"nothing is composed: {_said(ground, claims)}",
            within_s=_WITHIN_S,
        )
        wanted = str(CLAIMS[_KIND]["monthlyBudgetUsd"])
        require(_budget(ground, terms) == wanted, f"the composed terms say {_budget(ground, terms)} USD in place of {wanted}")
        wait_until(lambda: _is_ready(ground, claims), lambda: f"the claim is not ready: {_said(ground, claims)}", within_s=_WITHIN_S)
        repaired_s = _drifted(ground, terms, bounds, foreign, wanted)
        ground.api.send("DELETE", f"{claims}/{_OWN}")
        gone = [f"{claims}/{_OWN}", terms, bounds]
        wait_until(lambda: not any(map(ground.api.get, gone)), "what was composed is not gone with its claim", within_s=_WITHIN_S)
        require(_budget(ground, foreign) == "999", "a ConfigMap that nobody composed was changed or removed with the claim")
    return (
        f"a claim was composed by the function's pod in {made.seconds:.1f} s; what drifted is as before {repaired_s:.1f} s later; "
        "nothing composed outlives the claim"
    )


def _drifted(ground: Ground, terms: str, bounds: str, foreign: str, wanted: str) -> float:
    """Change one composed object and delete the other; return the seconds until both are as they were."""
    for place in (terms, foreign):
        answer = ground.api.send("PATCH", place, {"data": {_BUDGET: "999"}}, media_type=_MERGE)
        require(answer.ok, f"{place} cannot be changed: {answer.message}")
    before = ground.api.get(bounds)
    ground.api.send("DELETE", bounds)

    def repaired() -> Any:
        now = ground.api.get(bounds)
        return before and now and now["metadata"]["uid"] != before["metadata"]["uid"] and _budget(ground, terms) == wanted

    return wait_until(
        repaired,
        lambda: f"drift is not repaired: {_BUDGET} is {_budget(ground, terms)}, the quota {'back' if ground.api.get(bounds) else 'gone'}",
        within_s=_WITHIN_S,
    ).seconds


@contextmanager
def _namespace(ground: Ground) -> Iterator[str]:
    place = f"{listing('v1', 'namespaces')}/{_OWN}"
    wait_until(lambda: not ground.api.get(place), f"the namespace {_OWN} of an earlier run is not gone", within_s=_WITHIN_S)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    _create(ground, listing("v1", "namespaces"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"labels": labels}}, _OWN)
    try:
        yield _OWN
    finally:
        ground.api.send("DELETE", f"{listing(f'{API_GROUP}/v1alpha1', _PLURAL, _OWN)}/{_OWN}")
        ground.api.send("DELETE", place)


def _create(ground: Ground, path: str, manifest: dict[str, Any], name: str) -> None:
    answer = ground.api.send("POST", path, {**manifest, "metadata": {**manifest.get("metadata", {}), "name": name}})
    if not answer.ok:
        raise NotRunError(f"{manifest['kind']} {name} is refused: {answer.status} {answer.message}")


def _budget(ground: Ground, place: str) -> str:
    return str(((ground.api.get(place) or {}).get("data") or {}).get(_BUDGET, "nothing"))


def _is_ready(ground: Ground, claims: str) -> bool:
    conditions = {one["type"]: one["status"] for one in _conditions(ground, claims)}
    return conditions.get("Synced") == conditions.get("Ready") == "True"


def _conditions(ground: Ground, claims: str) -> list[dict[str, str]]:
    return list((((ground.api.get(f"{claims}/{_OWN}") or {}).get("status") or {}).get("conditions")) or ())


def _said(ground: Ground, claims: str) -> str:
    return (
        "; ".join(f"{one['type']} {one['status']} {one.get('message', '')}".strip() for one in _conditions(ground, claims))
        or "no condition"
    )


def checks() -> Iterator[Check]:
    """Yield the check of compositions."""
    yield Check(
        "composition",
        "Crossplane",
        "a claim is composed by our function's pod, drift is repaired, and deletion leaves nothing",
        "an object that nobody composed is neither repaired nor removed",
        composed,
        needs_pods=True,
    )
