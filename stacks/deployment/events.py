"""Listens to the engine's events: progress, changed resources, errors, and the planned graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pulumi.automation.events import DiagnosticEvent, EngineEvent, StepEventMetadata

from stacks.deployment.results import Event, ResourceChange
from stacks.graph import Graph, Resource
from stacks.graph.sources.diagnostics import brief
from stacks.graph.urns import STACK, name_of, parent_of

_QUIET: Final = frozenset({"same", "read", "refresh"})
_REMOVED: Final = frozenset({"delete", "delete-replaced", "discard", "discard-replaced"})
#: The changes that a refresh finds; it reports them only with the outcome of a step.
_FOUND: Final = frozenset({"update", "delete"})
_ERRORS_KEPT: Final = 12


class Recorder:
    """Receives the events of one operation.

    Args:
        on_event: Called for each finished resource.
        before: The graph before the operation: the first estimate of the total, and the source of dependencies.
    """

    def __init__(self, on_event: Callable[[Event], None], before: Graph) -> None:
        self._on_event = on_event
        self._before = {resource.urn: resource for resource in before}
        self._planned: set[str] = set()
        self._done: set[str] = set()
        self._states: dict[str, Resource] = {}
        self._steps: dict[str, ResourceChange] = {}
        self._of_the_stack = ""
        #: Number of resources by operation, without the stack itself, which Pulumi counts and a graph does not.
        self.changes: dict[str, int] = {}
        self.errors: list[str] = []

    def __call__(self, event: EngineEvent) -> None:
        """Process one event."""
        if event.resource_pre_event:
            self._plan(event.resource_pre_event.metadata)
        elif event.res_outputs_event:
            self._finish(event.res_outputs_event.metadata)
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            self._complain(event.diagnostic_event)
        elif event.summary_event:
            counts = {_word(operation): count for operation, count in event.summary_event.resource_changes.items()}
            # A refresh is announced as `refresh` and counted by its result; for the stack itself that is `same`.
            stack = self._of_the_stack if self._of_the_stack in counts or not self._of_the_stack else "same"
            self.changes = {each: left for each, count in counts.items() if (left := count - (each == stack))}

    @property
    def steps(self) -> tuple[ResourceChange, ...]:
        """The changes, in the order of the engine."""
        return tuple(self._steps.values())

    def graph(self) -> Graph:
        """Return the graph after the operation."""
        return Graph.of(self._states.values(), "pulumi preview")

    def _plan(self, metadata: StepEventMetadata) -> None:
        operation = _word(metadata.op)
        if metadata.type == STACK:
            self._of_the_stack = operation
            return
        self._planned.add(metadata.urn)
        state = metadata.new
        if operation not in _REMOVED and state is not None:
            known = self._before.get(metadata.urn)
            dependencies = known.depends_on if known else ()
            self._states[metadata.urn] = Resource(
                metadata.urn,
                metadata.type,
                name_of(metadata.urn),
                parent_of(state.parent),
                dependencies,
                state.inputs or {},
                custom=bool(state.custom),
            )
        if operation not in _QUIET:
            self._step(operation, metadata)

    def _finish(self, metadata: StepEventMetadata) -> None:
        operation = _word(metadata.op)
        if metadata.type == STACK:
            return
        if operation in _FOUND and metadata.urn not in self._steps:
            self._step(operation, metadata)
        self._done.add(metadata.urn)
        self._on_event(Event(len(self._done), max(len(self._planned), len(self._before)), label(metadata)))

    def _step(self, operation: str, metadata: StepEventMetadata) -> None:
        paths = sorted(metadata.detailed_diff or ()) or sorted(metadata.diffs or ())
        self._steps[metadata.urn] = ResourceChange(operation, label(metadata), metadata.urn, tuple(paths))

    def _complain(self, event: DiagnosticEvent) -> None:
        text = brief(event.message)
        place = f"{name_of(event.urn)}: " if event.urn else ""
        if text and len(self.errors) < _ERRORS_KEPT and "update failed" not in text:
            self.errors.append(f"{place}{text}")


def label(metadata: Any) -> str:
    """Return ``Deployment ai/ai-stack``; type and name if the object is not in the event."""
    state = metadata.new or metadata.old
    if state is not None and state.inputs:
        return Resource(metadata.urn, metadata.type, name_of(metadata.urn), inputs=state.inputs).label
    return f"{metadata.type.rpartition(':')[2]} {name_of(metadata.urn)}"


def _word(operation: Any) -> str:
    """Pulumi's enumerations as plain words: ``OpType.CREATE_REPLACEMENT`` is ``create-replacement``."""
    return str(getattr(operation, "value", operation))
