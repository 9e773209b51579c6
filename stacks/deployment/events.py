"""Listens to the engine's events: progress, changed resources, errors, and the graph as it will be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pulumi.automation.events import DiagnosticEvent, EngineEvent, StepEventMetadata

from stacks.deployment.results import Event, Step
from stacks.graph import Graph, Resource

_QUIET: Final = frozenset({"same", "read", "refresh"})
_REMOVED: Final = frozenset({"delete", "delete-replaced", "discard", "discard-replaced"})
_STACK: Final = "pulumi:pulumi:Stack"
_ERRORS_KEPT: Final = 12


class Recorder:
    """Receives the events of one operation."""

    def __init__(self, on_event: Callable[[Event], None], expected: int) -> None:
        self._on_event, self._expected = on_event, expected
        self._done: set[str] = set()
        self._states: dict[str, Resource] = {}
        self.steps: list[Step] = []
        self.errors: list[str] = []

    def __call__(self, event: EngineEvent) -> None:
        """Take one event."""
        if event.resource_pre_event:
            self._plan(event.resource_pre_event.metadata)
        elif event.res_outputs_event:
            self._finish(event.res_outputs_event.metadata)
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            self._complain(event.diagnostic_event)

    def graph(self) -> Graph:
        """Return the resources as they will be."""
        return Graph.of(self._states.values(), "pulumi preview")

    def _plan(self, metadata: StepEventMetadata) -> None:
        operation = _operation(metadata)
        if metadata.type == _STACK:
            return
        state = metadata.new
        if operation not in _REMOVED and state is not None:
            parent = state.parent if state.parent and f"::{_STACK}::" not in state.parent else None
            self._states[metadata.urn] = Resource(metadata.urn, metadata.type, _name(metadata.urn), parent, (), state.inputs or {})
        if operation not in _QUIET:
            self._step(operation, metadata)

    def _finish(self, metadata: StepEventMetadata) -> None:
        operation = _operation(metadata)
        if metadata.type == _STACK:
            return
        if operation == "update" and not any(step.urn == metadata.urn for step in self.steps):
            self._step(operation, metadata)  # a refresh tells only now what it found
        self._done.add(metadata.urn)
        self._on_event(Event(len(self._done), max(self._expected, len(self._done)) if self._expected else 0, label(metadata)))

    def _step(self, operation: str, metadata: StepEventMetadata) -> None:
        paths = sorted(metadata.detailed_diff or ()) or sorted(metadata.diffs or ())
        self.steps.append(Step(operation, label(metadata), metadata.urn, tuple(paths)))

    def _complain(self, event: DiagnosticEvent) -> None:
        text = " ".join(event.message.split())
        place = f"{_name(event.urn)}: " if event.urn else ""
        if text and len(self.errors) < _ERRORS_KEPT and "update failed" not in text:
            self.errors.append(f"{place}{text.removeprefix('error: ')}")


def label(metadata: Any) -> str:
    """Return ``Deployment ai/ai-stack``; type and name where the object is not in the event."""
    state = metadata.new or metadata.old
    if state is not None and state.inputs:
        return Resource(metadata.urn, metadata.type, _name(metadata.urn), inputs=state.inputs).label
    return f"{metadata.type.rpartition(':')[2]} {_name(metadata.urn)}"


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _operation(metadata: StepEventMetadata) -> str:
    return str(metadata.op).rpartition(".")[2].lower().replace("_", "-")
