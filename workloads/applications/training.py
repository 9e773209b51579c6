"""A private federated training in this process, and the model that it has come to: what the medical and the credit application share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.applications.errors import CriteriaError
from workloads.federation.compliance.journal import check_journal
from workloads.federation.definition import Definition
from workloads.federation.models.network import Matrix
from workloads.federation.rounds.state_file import read_state
from workloads.federation.serving.rehearsing import rehearse
from workloads.federation.tasks.task import Task, load


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model.

    Attributes:
        task: with the test records.
        probabilities: of each test record, records x classes.
        report: of the federation.
        audit: what the verification of the audit log found, a line each.
    """

    task: Task
    probabilities: Matrix
    report: dict[str, Any]
    audit: list[str]


def train(definition: Definition, sites: int, folder: Path, say: Callable[[str], None]) -> Trained:
    """Train, verify the audit log, and apply the model to the test records.

    Raises:
        FederationError: the training cannot be done, or its log was altered.
        CriteriaError: it has ended before its last round.
    """
    report = rehearse(definition, sites, folder, say)
    if len(report["rounds"]) < definition.rounds:
        raise CriteriaError(f"the training has ended early: {report['finished']}")
    found = read_state(folder / "server" / "run.state")
    assert found is not None, "a run that has ended has a state"
    task = load(definition.task, definition.seed)
    probabilities = task.model.probabilities(found[1]["parameters"], task.test.x)
    return Trained(task, probabilities, report, check_journal(folder / "server"))
