"""Graphs from the two documents that the Pulumi CLI writes: ``preview --json`` and ``stack export``.

Both list resource states in the checkpoint's own form (pulumi/sdk, go/common/apitype, ``ResourceV3``): ``urn``, ``type``,
``custom``, ``inputs``, ``parent``, ``dependencies``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource
from stacks.graph.sources.diagnostics import brief
from stacks.graph.sources.shapes import COUNT, FLAG, TEXT, Shape, checked, each, fields
from stacks.graph.sources.unseen import unseen
from stacks.graph.urns import STACK, name_of, parent_of

#: Steps of a preview after which the resource is gone.
_REMOVES: Final = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"})

_STATE: Final = fields(
    {
        **dict.fromkeys(("parent", "urn", "type"), TEXT),
        **dict.fromkeys(("custom", "delete", "pendingReplacement"), FLAG),
        "dependencies": each(TEXT),
        "inputs": fields({}),
    }
)
_OPERATION: Final = fields({"resource": fields({"urn": TEXT, "type": TEXT}), "type": TEXT})
_STEP: Final = fields({"newState": _STATE, "oldState": _STATE})
#: Pulumi leaves out what is empty: a program that fails at once has no steps (pulumi, pkg/backend/display/json.go).
_PARTS_OF_A_PLAN: Final = frozenset({"steps", "diagnostics", "changeSummary"})
_PLAN: Final = fields({"changeSummary": fields({"same": COUNT}), "diagnostics": each(fields({"message": TEXT, "severity": TEXT}))})


def from_state(document: Any, place: str = "the exported state") -> Graph:
    """Read an exported state (``pulumi stack export``); ``place`` names it in errors, a file by its path.

    Resources that are already deleted (``pendingReplacement``) or about to be (``delete``) do not count. A replacement that was not made
    and an operation that was interrupted are reported as unseen.

    Raises:
        ConfigurationError: the document is not an exported state, or an object in it does not have the shape of its kind.
    """
    deployment = document.get("deployment", document) if isinstance(document, Mapping) else None
    resources = deployment.get("resources") if isinstance(deployment, Mapping) else None
    if resources is None and isinstance(deployment, Mapping) and "manifest" in deployment:
        resources = []  # a stack that has never been deployed, or has been destroyed
    if not isinstance(resources, list):
        raise ConfigurationError(
            f"{place}: this is not an exported Pulumi state: `deployment.resources` is missing (make one with `pulumi stack export`)"
        )
    states = list(_entries(resources, f"{place}: deployment.resources", _STATE, "urn", "type"))
    found = list(_resources((at, state) for at, state in states if not state.get("delete") and not state.get("pendingReplacement")))
    replaced = (_label(state) for _, state in states if state.get("pendingReplacement"))
    return Graph.of(found, "exported state", (*_unmade(replaced), *_cut_off(deployment, place), *unseen(found)))


def from_preview(document: Any, place: str = "the plan") -> Graph:
    """Read the plan of ``pulumi preview --json``: the resources after the update; ``place`` names it in errors, a file by its path.

    Raises:
        ConfigurationError: the document is not such a plan, its program failed, it omits unchanged resources, or an object in it does not
            have the shape of its kind.
    """
    is_plan = isinstance(document, Mapping) and not _PARTS_OF_A_PLAN.isdisjoint(document)
    listed = (document.get("steps") or []) if is_plan else None
    if not isinstance(listed, list):
        raise ConfigurationError(
            f"{place}: this is not the output of `pulumi preview --json`: `steps` is missing "
            "(make it with `pulumi preview --json --show-sames`)"
        )
    _must_fit(_PLAN, document, place)
    _must_be_whole(document.get("diagnostics") or (), place)
    steps = list(_entries(listed, f"{place}: steps", _STEP, "op", "urn"))
    summary = document.get("changeSummary") or {}
    if (left_out := (summary.get("same") or 0) - sum(step["op"] == "same" for _, step in steps)) > 0:
        raise ConfigurationError(
            f"{place}: this plan leaves out {left_out} resources that stay as they are; make it with `pulumi preview --json --show-sames`"
        )
    states = {
        step["urn"]: _entry(state, at, "urn", "type")
        for at, step in steps
        if step["op"] not in _REMOVES and (state := step.get("newState") or step.get("oldState"))
    }
    found = list(_resources(states.values()))
    return Graph.of(found, "pulumi preview", unseen(found))


def _must_be_whole(diagnostics: Iterable[Mapping[str, Any]], place: str) -> None:
    """Reject the plan of a failed preview: Pulumi prints only the steps before the failure, so the rest is missing."""
    if errors := [text for one in diagnostics if one.get("severity") == "error" and (text := brief(str(one.get("message") or "")))]:
        raise ConfigurationError(
            f"{place}: this preview failed, so the plan ends before the program did: {'; '.join(errors)}. "
            "Make it with a program that completes"
        )


def _unmade(labels: Iterable[str]) -> Iterator[str]:
    for label in labels:
        yield f"{label} was deleted to be replaced, and its replacement was not created; run `pulumi up`, then export the state again"


def _cut_off(deployment: Any, place: str) -> Iterator[str]:
    """Yield a sentence about the operations that were running when an update was interrupted: their outcome is unknown."""
    listed = (deployment.get("pending_operations") if isinstance(deployment, Mapping) else None) or []
    _must_fit(each(_OPERATION), listed, place, "deployment.pending_operations")
    if operations := [f"{one.get('type') or 'changing'} {_label(one.get('resource') or {})}" for one in listed]:
        yield (
            f"{len(operations)} operations are pending ({', '.join(operations)}): an update was interrupted, so this state may differ "
            "from the cluster; run `pulumi refresh`, then export it again"
        )


def _label(state: Mapping[str, Any]) -> str:
    urn, kind = str(state.get("urn") or ""), str(state.get("type") or "")
    return Resource(urn, kind, name_of(urn), inputs=state.get("inputs") or {}).label


_Placed = tuple[str, Mapping[str, Any]]


def _entries(found: Iterable[Any], place: str, shape: Shape, *keys: str) -> Iterator[_Placed]:
    for index, value in enumerate(found):
        at, entry = _entry(value, f"{place}[{index}]", *keys)
        _must_fit(shape, entry, at)
        yield at, entry


def _entry(value: Any, place: str, *keys: str) -> _Placed:
    if not isinstance(value, Mapping) or not all(isinstance(value.get(key), str) for key in keys):
        raise ConfigurationError(f"{place}: `{'` and `'.join(keys)}` are expected; export it again with Pulumi")
    return place, value


def _must_fit(shape: Shape, value: Any, place: str, key: str = "") -> None:
    if problem := next(shape(value, key), None):
        raise ConfigurationError(f"{place}: {problem}; export it again with Pulumi")


def _resources(states: Iterable[_Placed]) -> Iterator[Resource]:
    for place, state in states:
        urn, kind = state["urn"], state["type"]
        if kind == STACK:
            continue
        yield Resource(
            urn,
            kind,
            name_of(urn),
            parent_of(state.get("parent")),
            tuple(state.get("dependencies") or ()),
            checked(inputs if isinstance(inputs := state.get("inputs"), Mapping) else {}, place, whole=not kind.endswith("Patch")),
            custom=state.get("custom") is not False,
        )
