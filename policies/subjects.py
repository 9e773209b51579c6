"""The subjects of the rules over single objects: each object as the cluster will store it, and the pods in custom resources.

Rule 1: pods that a controller made from its template are judged at the controller, as at admission, because a waiver is on the controller.
Rule 2: the pods of a custom resource are judged as pods, each template separately; if an operator completes the template, the resource is
reported as not judged.
Rule 3: a default that another object of the graph sets is filled in: whether the default service account mounts its token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stacks.graph import Graph, Resource, labels
from stacks.graph.kinds import KINDS
from stacks.graph.recognition.custom_pods import custom_pods, unknown_pods, with_template
from stacks.graph.relations.owners import Owners

_MOUNTS: Final = "automountServiceAccountToken"


@dataclass(frozen=True, slots=True)
class Subject:
    """One object to judge. ``where`` is the path of the pod template in a custom resource; empty for the object itself."""

    resource: Resource
    manifest: Mapping[str, Any]
    where: str = ""


def subjects(graph: Graph) -> list[Subject]:
    """Return the subjects in ``graph``, in its order."""
    owners = Owners(graph)
    tokenless = {
        account.namespace or "default"
        for account in graph.objects("ServiceAccount")
        if account.object_name == "default" and account.inputs.get(_MOUNTS) is False
    }
    return [
        subject
        for resource in graph.objects()
        if owners.maker(resource) is None
        for subject in _of(resource, tokenless=(resource.namespace or "default") in tokenless)
    ]


def not_judged(graph: Graph) -> Iterator[str]:
    """Yield a sentence for each custom resource whose pods cannot be known here."""
    for resource in graph.objects():
        if found := unknown_pods(resource):
            yield f"{resource.label}: the pods that an operator makes of it are not known ({', '.join(found)})"


def _of(resource: Resource, *, tokenless: bool) -> Iterator[Subject]:
    known = resource.standard
    if known is not None:
        yield Subject(resource, _completed(resource.inputs, known.pods, tokenless=tokenless))
    for pods in custom_pods(resource):
        pod = _pod(resource, with_template(resource, pods).pod_template or {})
        yield Subject(resource, _completed(pod, (), tokenless=tokenless), pods.where)


def _pod(resource: Resource, template: Mapping[str, Any]) -> dict[str, Any]:
    """The template as a Pod with the resource's name and the waivers of both."""
    metadata = dict(template.get("metadata") or {})
    annotations = {**resource.annotations, **(metadata.get("annotations") or {})}
    waivers = [text for text in (resource.annotations.get(labels.WAIVER), annotations.get(labels.WAIVER)) if isinstance(text, str)]
    if waivers:
        annotations[labels.WAIVER] = "\n".join(dict.fromkeys(waivers))
    metadata |= {"name": resource.object_name, "annotations": annotations} | (
        {"namespace": resource.namespace} if resource.namespace else {}
    )
    return {"apiVersion": KINDS["Pod"].version, "kind": "Pod", "metadata": metadata, "spec": template.get("spec") or {}}


def _completed(manifest: Mapping[str, Any], pods: tuple[str, ...] | None, *, tokenless: bool) -> Mapping[str, Any]:
    """The manifest; if its default service account mounts no token, as if its pods said so themselves."""
    return manifest if pods is None or not tokenless else _without_token(manifest, (*pods, "spec"))


def _without_token(value: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    if path:
        inner = value.get(path[0])
        return {**value, path[0]: _without_token(inner, path[1:])} if isinstance(inner, Mapping) else value
    named = value.get("serviceAccountName") or value.get("serviceAccount") or "default"
    return value if _MOUNTS in value or named != "default" else {**value, _MOUNTS: False}
