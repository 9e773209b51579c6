"""Graphs from the two documents that the Pulumi CLI writes: ``preview --json`` and ``stack export``.

Both list resource states in the checkpoint's own form (pulumi/sdk, go/common/apitype, ``ResourceV3``): ``urn``, ``type``,
``custom``, ``inputs``, ``parent``, ``dependencies``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource
from stacks.graph.sources.shapes import COUNT, FLAG, TEXT, Shape, checked, each, fields

#: Steps of a preview after which the resource is gone.
_REMOVES: Final = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"})

_STATE: Final = fields(
    {"parent": TEXT, "dependencies": each(TEXT), "custom": FLAG, "delete": FLAG, "inputs": fields({}), "urn": TEXT, "type": TEXT}
)
_STEP: Final = fields({"newState": _STATE, "oldState": _STATE})
_SUMMARY: Final = fields({"same": COUNT})


def from_state(document: Any, place: str = "the exported state") -> Graph:
    """Read an exported state (``pulumi stack export``); ``place`` names it in errors, a file by its path.

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
    states = _entries(resources, f"{place}: deployment.resources", _STATE, "urn", "type")
    return Graph.of(_resources((at, state) for at, state in states if not state.get("delete")), "exported state")


def from_preview(document: Any, place: str = "the plan") -> Graph:
    """Read the plan of ``pulumi preview --json``: the resources as they will be; ``place`` names it in errors, a file by its path.

    Raises:
        ConfigurationError: the document is not such a plan, it leaves out what stays as it is, or an object in it does not have the
            shape of its kind.
    """
    listed = document.get("steps") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise ConfigurationError(
            f"{place}: this is not the output of `pulumi preview --json`: `steps` is missing "
            "(make it with `pulumi preview --json --show-sames`)"
        )
    steps = list(_entries(listed, f"{place}: steps", _STEP, "op", "urn"))
    summary = document.get("changeSummary") or {}
    _must_fit(_SUMMARY, summary, place, "changeSummary")
    if (left_out := (summary.get("same") or 0) - sum(step["op"] == "same" for _, step in steps)) > 0:
        raise ConfigurationError(
            f"{place}: this plan leaves out {left_out} resources that stay as they are; make it with `pulumi preview --json --show-sames`"
        )
    states = {
        step["urn"]: _entry(state, at, "urn", "type")
        for at, step in steps
        if step["op"] not in _REMOVES and (state := step.get("newState") or step.get("oldState"))
    }
    return Graph.of(_resources(states.values()), "pulumi preview")


_Placed = tuple[str, Mapping[str, Any]]


def _entries(found: Iterable[Any], place: str, shape: Shape, *keys: str) -> Iterator[_Placed]:
    for index, value in enumerate(found):
        at, entry = _entry(value, f"{place}[{index}]", *keys)
        _must_fit(shape, entry, at)
        yield at, entry


def _entry(value: Any, place: str, *keys: str) -> _Placed:
    if not isinstance(value, Mapping) or not all(isinstance(value.get(key), str) for key in keys):
        raise ConfigurationError(f"{place}: `{'` and `'.join(keys)}` are expected; let Pulumi write it again")
    return place, value


def _must_fit(shape: Shape, value: Any, place: str, key: str = "") -> None:
    if problem := next(shape(value, key), None):
        raise ConfigurationError(f"{place}: {problem}; let Pulumi write it again")


def _resources(states: Iterable[_Placed]) -> Iterator[Resource]:
    for place, state in states:
        urn, kind = state["urn"], state["type"]
        if kind == "pulumi:pulumi:Stack":
            continue
        yield Resource(
            urn,
            kind,
            urn.rsplit("::", 1)[-1],
            _parent(state),
            tuple(state.get("dependencies") or ()),
            checked(state.get("inputs") or {}, place, whole=not kind.endswith("Patch")),
            custom=state.get("custom") is not False,
        )


def _parent(state: Mapping[str, Any]) -> str | None:
    parent = state.get("parent")
    return None if not parent or "::pulumi:pulumi:Stack::" in parent else str(parent)
