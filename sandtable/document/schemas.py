"""The JSON Schemas of all documents, generated from their types; ``docs/generate.py`` writes them to docs/schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema

from sandtable.document.answers import (
    calibration,
    capacity,
    checks,
    cost,
    deployment,
    history,
    images,
    machine,
    sweep,
    validation,
    verification,
    whatif,
)
from sandtable.document.graph import StackGraph
from sandtable.document.parts.outcome import Outcome
from sandtable.document.rehearsal import Rehearsal, RunSamples

if TYPE_CHECKING:
    from sandtable.document.parts.base import Part


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that only repeat the field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic's hook
        """Return None: no field has a title."""
        return False


@dataclass(frozen=True, slots=True)
class Schema:
    """A type of document, and where it appears."""

    kind: type[Part]
    title: str

    def to_json(self) -> dict[str, Any]:
        """Return the schema of what is written: every field is required."""
        schema = self.kind.model_json_schema(mode="serialization", schema_generator=_Untitled)
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": self.title}


#: By file name.
SCHEMAS: Final = {
    "calibrate": Schema(calibration.EngineCalibration, "sandtable calibrate --json"),
    "capacity": Schema(capacity.Capacity, "sandtable capacity --json"),
    "check": Schema(checks.Check, "sandtable check --json"),
    "cluster": Schema(machine.ClusterState, "sandtable cluster start|stop|delete|status --json"),
    "cost": Schema(cost.EnvironmentCost, "sandtable cost --json"),
    "doctor": Schema(machine.Tools, "sandtable doctor --json"),
    "error": Schema(machine.Failure, "What --json prints where a command fails"),
    "graph": Schema(StackGraph, "sandtable graph --json, and graph.json of a run"),
    "history": Schema(history.History, "sandtable history --json, and history.json of a run"),
    "images": Schema(images.Images, "sandtable images build|list --json"),
    "kubeconfig": Schema(machine.Kubeconfig, "sandtable cluster kubeconfig --json"),
    "loadtest": Schema(checks.LoadTest, "sandtable loadtest --json"),
    "outcome": Schema(Outcome, "Outcome of a load, predicted or measured"),
    "preview": Schema(deployment.Plan, "sandtable preview --json"),
    "pruned": Schema(images.Pruned, "sandtable images prune --json"),
    "refresh": Schema(deployment.Drift, "sandtable refresh --json"),
    "rehearsal": Schema(Rehearsal, "sandtable rehearse --json, and rehearsal.json of a run"),
    "report": Schema(machine.ReportFiles, "sandtable report --json"),
    "samples": Schema(RunSamples, "samples.json of a run"),
    "scenarios": Schema(whatif.ScenarioKinds, "sandtable whatif --list --json"),
    "sweep": Schema(sweep.RateSweep, "sandtable loadtest --sweep --json"),
    "up": Schema(deployment.Update, "sandtable up --json and sandtable down --json"),
    "validate": Schema(validation.Validation, "sandtable validate --json"),
    "variables": Schema(machine.Variables, "sandtable doctor --env --json"),
    "verify": Schema(verification.Verification, "sandtable verify --json, and verification.json of a run"),
    "whatif": Schema(whatif.WhatIf, "sandtable whatif --json"),
}
