"""What is made of the engine's events: steps, counts, progress, errors, and the graph as it will be."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from stacks.deployment.events import Recorder
from stacks.deployment.results import Event
from stacks.graph import Graph, Resource

STACK = "urn:pulumi:dev::sandtable::pulumi:pulumi:Stack::sandtable-dev"
PREFIX = "urn:pulumi:dev::sandtable::"
MAP = "kubernetes:core/v1:ConfigMap"


def manifest(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ai"}, "data": data}


def metadata(operation: str, name: str, *, old: bool = False, new: bool = True, kind: str = MAP, **more: Any) -> dict[str, Any]:
    urn = f"{PREFIX}{kind}::{name}"
    state = {"type": kind, "urn": urn, "id": name, "parent": STACK, "provider": "p", "inputs": manifest(name)}
    return {
        "op": operation,
        "urn": urn,
        "type": kind,
        "provider": "p",
        "old": state if old else None,
        "new": state if new else None,
        **more,
    }


def event(kind: str, content: dict[str, Any]) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: content})


def planned(*arguments: Any, **options: Any) -> EngineEvent:
    return event("resourcePreEvent", {"metadata": metadata(*arguments, **options), "planning": True})


def finished(*arguments: Any, **options: Any) -> EngineEvent:
    return event("resOutputsEvent", {"metadata": metadata(*arguments, **options), "planning": False})


def complaint(message: str, urn: str | None = None, severity: str = "error") -> EngineEvent:
    return event("diagnosticEvent", {"message": message, "color": "never", "severity": severity, "urn": urn})


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def recorder(told: list[Event]) -> Recorder:
    return Recorder(told.append, Graph.of((), "before"))


def test_a_change_is_a_step_with_what_changes_in_it(recorder: Recorder) -> None:
    diff = {"data.key": {"diffKind": "update", "inputDiff": False}, "data.added": {"diffKind": "add", "inputDiff": False}}
    recorder(planned("update", "settings", old=True, detailedDiff=diff))
    (step,) = recorder.steps
    assert (step.operation, step.label, step.paths) == ("update", "ConfigMap ai/settings", ("data.added", "data.key"))


@pytest.mark.parametrize("operation", ["same", "read", "refresh"])
def test_what_stays_is_no_step_but_belongs_to_the_graph(recorder: Recorder, operation: str) -> None:
    recorder(planned(operation, "settings", old=True))
    assert recorder.steps == ()
    assert [resource.label for resource in recorder.graph()] == ["ConfigMap ai/settings"]


def test_what_goes_is_a_step_and_not_in_the_graph(recorder: Recorder) -> None:
    recorder(planned("delete", "settings", old=True, new=False))
    assert [(step.operation, step.label) for step in recorder.steps] == [("delete", "ConfigMap ai/settings")]
    assert len(recorder.graph()) == 0


def test_the_stack_itself_is_no_resource(recorder: Recorder, told: list[Event]) -> None:
    recorder(planned("create", "sandtable-dev", kind="pulumi:pulumi:Stack"))
    recorder(finished("create", "sandtable-dev", kind="pulumi:pulumi:Stack"))
    assert (recorder.steps, told, len(recorder.graph())) == ((), [], 0)


def test_the_graph_is_the_one_of_any_other_source(recorder: Recorder) -> None:
    recorder(planned("create", "settings"))
    same = Resource(f"{PREFIX}{MAP}::settings", MAP, "settings", inputs=manifest("settings"))
    assert recorder.graph().digest == Graph.of([same], "program").digest


def test_a_component_is_told_from_what_a_provider_makes(recorder: Recorder) -> None:
    for kind, custom in (("Part", {}), ("Bucket", {"custom": True})):  # Pulumi leaves out what is false
        change = metadata("create", kind, kind=f"acme:infra:{kind}")
        change["new"] = {**change["new"], "inputs": {}, **custom}
        recorder(event("resourcePreEvent", {"metadata": change, "planning": True}))
    assert {resource.name: resource.counts for resource in recorder.graph()} == {"Part": False, "Bucket": True}


def test_a_refresh_tells_only_at_the_end_what_it_found(recorder: Recorder) -> None:
    recorder(planned("refresh", "edited", old=True))
    recorder(planned("refresh", "gone", old=True))
    recorder(planned("refresh", "kept", old=True))
    recorder(finished("update", "edited", old=True, diffs=["data"]))
    recorder(finished("delete", "gone", old=True, new=False))
    recorder(finished("same", "kept", old=True))
    assert [(step.operation, step.label, step.paths) for step in recorder.steps] == [
        ("update", "ConfigMap ai/edited", ("data",)),
        ("delete", "ConfigMap ai/gone", ()),
    ]


def test_one_step_a_resource(recorder: Recorder) -> None:
    recorder(planned("update", "settings", old=True, diffs=["data"]))
    recorder(finished("update", "settings", old=True))
    assert [step.paths for step in recorder.steps] == [("data",)]


def test_progress_counts_what_is_known(told: list[Event]) -> None:
    before = [Resource(f"{PREFIX}{MAP}::{name}", MAP, name, inputs=manifest(name)) for name in ("a", "b", "c")]
    recorder = Recorder(told.append, Graph.of(before, "before"))
    for name in ("a", "b"):
        recorder(planned("same", name, old=True))
        recorder(finished("same", name, old=True))
    assert told == [Event(1, 3, "ConfigMap ai/a"), Event(2, 3, "ConfigMap ai/b")]


def test_more_than_before_raises_the_total(recorder: Recorder, told: list[Event]) -> None:
    for name in ("a", "b"):
        recorder(planned("create", name))
    recorder(finished("create", "a"))
    assert told == [Event(1, 2, "ConfigMap ai/a")]


def summary(**changes: int) -> EngineEvent:
    return event("summaryEvent", {"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": changes, "policyPacks": {}})


def test_counts_are_those_of_the_summary(recorder: Recorder) -> None:
    recorder(summary(create=2, delete=1, same=3))
    assert recorder.changes == {"create": 2, "delete": 1, "same": 3}


@pytest.mark.parametrize(
    ("operation", "counts"), [("same", {"create": 2}), ("create", {"create": 1, "same": 1}), ("refresh", {"create": 2})]
)
def test_the_stack_is_no_resource_of_its_own(recorder: Recorder, operation: str, counts: dict[str, int]) -> None:
    recorder(planned(operation, "sandtable-dev", kind="pulumi:pulumi:Stack"))
    recorder(summary(create=2, same=1))
    assert recorder.changes == counts


class TestErrors:
    def test_they_name_the_resource(self, recorder: Recorder) -> None:
        recorder(complaint("error: it was\n  refused", urn=f"{PREFIX}{MAP}::settings"))
        assert recorder.errors == ["settings: it was refused"]

    def test_warnings_and_echoes_are_not_kept(self, recorder: Recorder) -> None:
        recorder(complaint("careful", severity="warning"))
        recorder(complaint("update failed"))
        recorder(complaint("  "))
        assert recorder.errors == []

    def test_the_first_dozen_is_kept(self, recorder: Recorder) -> None:
        for number in range(20):
            recorder(complaint(f"number {number}"))
        assert recorder.errors == [f"number {number}" for number in range(12)]
