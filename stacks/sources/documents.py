"""Graphs from the two documents that the Pulumi CLI writes: ``preview --json`` and ``stack export``.

Both list resource states in the checkpoint's own form (pulumi/sdk, go/common/apitype, ``ResourceV3``): ``urn``, ``type``,
``inputs``, ``parent``, ``dependencies``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource

#: Steps of a preview after which the resource is gone.
_REMOVES = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"})


def from_state(document: Any) -> Graph:
    """Read an exported state (``pulumi stack export``).

    Raises:
        ConfigurationError: the document is not an exported state.
    """
    deployment = document.get("deployment", document) if isinstance(document, Mapping) else None
    resources = deployment.get("resources") if isinstance(deployment, Mapping) else None
    if resources is None and isinstance(deployment, Mapping) and "manifest" in deployment:
        resources = []  # a stack that has never been deployed, or has been destroyed
    if not isinstance(resources, list):
        raise ConfigurationError(
            "this is not an exported Pulumi state: `deployment.resources` is missing (make one with `pulumi stack export`)"
        )
    states = _entries(resources, "deployment.resources", "urn", "type")
    return Graph.of(_resources(state for state in states if not state.get("delete")), "exported state")


def from_preview(document: Any) -> Graph:
    """Read the plan of ``pulumi preview --json``: the resources as they will be.

    Raises:
        ConfigurationError: the document is not such a plan, or it leaves out what stays as it is.
    """
    listed = document.get("steps") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise ConfigurationError(
            "this is not the output of `pulumi preview --json`: `steps` is missing (make it with `pulumi preview --json --show-sames`)"
        )
    steps = list(_entries(listed, "steps", "op", "urn"))
    same = int((document.get("changeSummary") or {}).get("same", 0))
    if (left_out := same - sum(step["op"] == "same" for step in steps)) > 0:
        raise ConfigurationError(
            f"this plan leaves out {left_out} resources that stay as they are; make it with `pulumi preview --json --show-sames`"
        )
    states = {
        step["urn"]: state for step in steps if step["op"] not in _REMOVES and (state := step.get("newState") or step.get("oldState"))
    }
    return Graph.of(_resources(states.values()), "pulumi preview")


def _entries(values: Iterable[Any], place: str, *keys: str) -> Iterator[Mapping[str, Any]]:
    for index, value in enumerate(values):
        if not isinstance(value, Mapping) or not all(isinstance(value.get(key), str) for key in keys):
            raise ConfigurationError(f"{place}[{index}]: `{'` and `'.join(keys)}` are expected; let Pulumi write it again")
        yield value


def _resources(states: Iterable[Mapping[str, Any]]) -> Iterable[Resource]:
    for state in states:
        urn = str(state["urn"])
        kind = str(state["type"])
        if kind == "pulumi:pulumi:Stack":
            continue
        dependencies = state.get("dependencies") or ()
        yield Resource(urn, kind, urn.rsplit("::", 1)[-1], _parent(state), tuple(dependencies), state.get("inputs") or {})


def _parent(state: Mapping[str, Any]) -> str | None:
    parent = state.get("parent")
    return None if not parent or "::pulumi:pulumi:Stack::" in parent else str(parent)
