"""The API's own objects: definitions of kinds are established, rights are no wider than declared, workloads are rolled out as declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, NotHereError, NotRunError, require
from sandtable.jobs.verify.enrolment import waits_for_people
from stacks.clusters.api import collection, listing
from stacks.components import places
from stacks.graph import Resource, same_image

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_DEFINITIONS: Final = listing("apiextensions.k8s.io/v1", "customresourcedefinitions")
_REVIEWS: Final = listing("authorization.k8s.io/v1", "subjectaccessreviews")
_UNPROCESSABLE: Final = 422
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet")
#: What no ServiceAccount of the stack may do: (verb, group, resource).
_FORBIDDEN: Final = (("*", "*", "*"), ("delete", "", "namespaces"), ("create", "certificates.k8s.io", "certificatesigningrequests"))


def definitions(ground: Ground) -> str:
    """Find the CRDs established, and the objects of these kinds stored; an object that breaks a schema is refused."""
    declared = [resource for resource in ground.graph.objects() if resource.kind == "CustomResourceDefinition"]
    if not declared:
        raise NotHereError("the stack defines no kind")
    plurals = {(resource.spec["group"], resource.spec["names"]["kind"]): resource.spec["names"]["plural"] for resource in declared}
    for resource in declared:
        live = ground.api.get(f"{_DEFINITIONS}/{resource.object_name}")
        require(live, f"{resource.object_name} is missing")
        require(_condition(live, "Established"), f"{resource.object_name} is not established")
    stored = controls = 0
    for resource in ground.graph.objects():
        version, kind = str(resource.inputs["apiVersion"]), resource.kind
        plural = plurals.get((version.partition("/")[0], kind))
        if plural is None:
            continue
        path = listing(version, plural, resource.namespace)
        require(ground.api.get(f"{path}/{resource.object_name}"), f"{resource.label} is missing")
        stored += 1
        wrong = {**resource.inputs, "metadata": {"name": "sandtable-verify"}, "spec": "not an object"}
        answer = ground.api.send("POST", path, wrong, query={"dryRun": "All"})
        require(answer.status == _UNPROCESSABLE, f"a {kind} whose spec is a text is not refused: {answer.status} {answer.message}")
        controls += 1
    return f"{len(declared)} definitions are established, {stored} objects of these kinds stored, {controls} malformed ones refused"


def rights(ground: Ground) -> str:
    """Judge the live roles by the stack's own rule, and ask the API server what each ServiceAccount may do."""
    from policies.assessment import bundled_rules

    rule = next(rule for rule in bundled_rules() if rule.rule.id == "no-wildcard-roles")
    roles = [{"kind": kind, **role} for kind in ("ClusterRole", "Role") for role in ground.live(kind)]
    wide = [f"{role['kind']} {role['metadata']['name']}" for role in roles if not rule.judge(role).admitted]
    require(not wide, f"every verb on every resource is granted by {', '.join(wide)}")
    everything = {"kind": "ClusterRole", "metadata": {}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    require(not rule.judge(everything).admitted, "a role that grants everything passes")
    accounts = [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in ground.live("ServiceAccount")]
    if not accounts:
        raise NotHereError("the stack has no ServiceAccount in the cluster")
    for namespace, name in accounts:
        user = f"system:serviceaccount:{namespace}:{name}"
        for verb, group, resource in _FORBIDDEN:
            require(not _may(ground, {"user": user}, verb, group, resource), f"{user} may {verb} {resource}")
    require(_may(ground, {"user": "verify", "groups": ["system:masters"]}, "*", "*", "*"), "the API server denies administrators, too")
    return (
        f"{len(roles)} roles grant no more than they name; {len(accounts)} accounts are denied {len(_FORBIDDEN)} rights of administrators"
    )


def rollouts(ground: Ground) -> str:
    """Compare each workload with what the program declares, and its ready pods with what it asks for."""
    declared = list(ground.graph.objects(*_WORKLOADS))
    if not declared:
        raise NotHereError("the stack has no workload")
    wrong = [(resource, problem) for resource in declared if (problem := _rollout(ground, resource))]
    said = "; ".join(f"{resource.label}: {problem}" for resource, problem in wrong[:4])
    waits = waits_for_people(ground) if any(resource.namespace == places.FEDERATION for resource, _ in wrong) else ""
    require(not wrong, f"{len(wrong)} of {len(declared)} workloads: {said}{waits}")
    absent = Resource("", "", "", inputs={**declared[0].inputs, "metadata": {**declared[0].metadata, "name": "sandtable-verify"}})
    require(_rollout(ground, absent) == "missing", "a workload that nobody deployed is not found missing")
    played = " (all pods are simulated)" if ground.all_played else ""
    return f"{len(declared)} workloads run the declared images with all replicas ready{played}"


def _rollout(ground: Ground, resource: Resource) -> str:
    """Return what is wrong with a workload, empty if nothing is."""
    live = ground.api.get(f"{collection(resource.inputs)}/{resource.object_name}")
    if live is None:
        return "missing"
    images = {one["name"]: one.get("image") for one in live["spec"]["template"]["spec"]["containers"]}
    for container in resource.containers():
        if not same_image(str(images.get(container.get("name"))), str(container.get("image"))):
            return f"container {container.get('name')} runs {images.get(container.get('name'))} in place of {container.get('image')}"
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return "its last change is not rolled out yet"
    daemons = resource.kind == "DaemonSet"
    wanted = status.get("desiredNumberScheduled", 0) if daemons else live["spec"].get("replicas", 1)
    ready = status.get("numberReady" if daemons else "readyReplicas", 0)
    updated = status.get("updatedNumberScheduled" if daemons else "updatedReplicas", 0)
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    # OnDelete: somebody restarts the pods by hand, and the API counts them as not updated until then.
    by_hand = (live["spec"].get("updateStrategy") or {}).get("type") == "OnDelete"
    return "" if by_hand or updated >= wanted else f"{updated} of {wanted} pods are of the latest revision"


def _may(ground: Ground, subject: Mapping[str, Any], verb: str, group: str, resource: str) -> bool:
    attributes = {"verb": verb, "group": group, "resource": resource}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {**subject, "resourceAttributes": attributes}}
    answer = ground.api.send("POST", _REVIEWS, review)
    if not answer.ok:
        raise NotRunError(f"the API server does not let us ask what others may do: {answer.status} {answer.message}")
    return bool(answer.body["status"]["allowed"])


def _condition(live: Any, kind: str) -> bool:
    conditions = (live.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def checks() -> Iterator[Check]:
    """Yield the checks of objects."""
    yield Check(
        "definitions",
        "control plane",
        "the stack's definitions of kinds are established, and its objects of these kinds stored",
        "an object that breaks its schema is refused",
        definitions,
    )
    yield Check(
        "rights",
        "control plane",
        "no role grants every verb on every resource, and no ServiceAccount has the rights of an administrator",
        "an administrator has them",
        rights,
    )
    yield Check(
        "rollouts",
        "control plane",
        "each workload runs the declared images, with all replicas ready",
        "a workload that nobody deployed is found missing",
        rollouts,
    )
