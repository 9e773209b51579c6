"""The report of a run: accuracy and epsilon over the rounds, bytes and milliseconds of each stage; as JSON and as a table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from foundation.processes.atomic_file import write_text
from workloads.federation.errors import StateError
from workloads.federation.rounds.coordinator import Coordinator
from workloads.federation.rounds.messages import ToClient, ToServer
from workloads.federation.rounds.store import RoundRecord, Store
from workloads.federation.rounds.terms import Terms
from workloads.federation.transport.port import CODEC

REPORT: Final = "report.json"


class Traffic:
    """Bytes of each kind of message in each round, as the transport carries them."""

    def __init__(self) -> None:
        self._bytes: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, message: ToServer | ToClient) -> None:
        """Count a message."""
        self._bytes[message.number][type(message.body).__name__] += len(CODEC.encode(message))

    def of(self, number: int) -> dict[str, int]:
        """Return the bytes of a round by kind of message."""
        return dict(self._bytes.get(number, {}))


def document(coordinator: Coordinator, traffic: Traffic) -> dict[str, Any]:
    """Return the report."""
    terms, progress = coordinator.terms, coordinator.store.progress
    return {
        "run": progress.run,
        "finished": coordinator.finished,
        "task": terms.definition.task,
        "strategy": terms.definition.strategy.name,
        "parameters": terms.parameters,
        "guarantee": guarantee(terms, coordinator.store),
        "refused": coordinator.refusals,
        "rounds": [{**asdict(each), "bytes": traffic.of(each.number)} for each in progress.history],
    }


def guarantee(terms: Terms, store: Store) -> str:
    """Return what may be claimed, with all its terms."""
    privacy, progress = terms.definition.privacy, store.progress
    if privacy.unit == "none":
        return "no differential privacy: the model may reveal any record"
    says, accountant, spent = terms.statement, terms.accountant.name, progress.history[-1].epsilon if progress.history else 0.0
    beside = "" if accountant == "rdp" else f"; by rdp this run has spent at most {terms.rdp_epsilon(store.paid):.4f}"
    return (
        f"epsilon {spent:.4f} of {privacy.epsilon:g} at delta {privacy.delta:g} for one {says.unit} ({says.neighbours}, sampler "
        f"{says.sampler}), accountant {accountant}{beside}"
    )


def write_report(folder: Path, coordinator: Coordinator, traffic: Traffic) -> None:
    """Write ``report.json``. Raises ``StateError``."""
    try:
        write_text(folder / REPORT, json.dumps(document(coordinator, traffic), indent=1) + "\n")
    except OSError as error:
        raise StateError(f"{folder / REPORT} cannot be written: {error.strerror}") from error


def shown(folder: Path) -> list[str]:
    """Return the lines of a written report. Raises ``StateError``."""
    try:
        return list(table(json.loads((folder / REPORT).read_bytes())))
    except OSError as error:
        raise StateError(f"{folder / REPORT} cannot be read: {error.strerror}; it is written when a run ends") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(f"{folder / REPORT} is no report of a run") from error


def round_line(record: RoundRecord, rounds: int) -> str:
    """Return the progress line of a round that is done."""
    spent = f", epsilon {record.epsilon:.3f}" if record.epsilon else ""
    again = f", {record.attempts} attempts" if record.attempts > 1 else ""
    return (
        f"round {record.number}/{rounds}: accuracy {record.accuracy:.3f}{spent}, {len(record.contributors)} clients, "
        f"{record.duration_s:.2f} s{again}"
    )


def table(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the report for a terminal."""
    yield f"{report['task']} with {report['strategy']}, {report['parameters']} parameters: {report['finished'] or 'under way'}"
    yield report["guarantee"]
    rounds = report["rounds"]
    yield f"{'round':>5} {'clients':>7} {'accuracy':>8} {'epsilon':>8} {'seconds':>8} {'train ms':>9} {'kB':>8}"
    for each in rounds:
        train_ms = max(each["train_ms"].values(), default=0.0)
        kilobytes = sum(each["bytes"].values()) / 1000
        yield (
            f"{each['number']:>5} {len(each['contributors']):>7} {each['accuracy']:>8.4f} {each['epsilon']:>8.4f} "
            f"{each['duration_s']:>8.3f} {train_ms:>9.1f} {kilobytes:>8.1f}"
        )
    if rounds:
        yield "median of a round, by stage: " + ", ".join(f"{stage} {ms:.1f} ms" for stage, ms in _medians(rounds, "stages_ms").items())
        yield "median of a round, by message: " + ", ".join(f"{kind} {size:.0f} B" for kind, size in _medians(rounds, "bytes").items())
    for refusal in report["refused"]:
        yield f"refused: {refusal}"


def _medians(rounds: list[Mapping[str, Any]], key: str) -> dict[str, float]:
    names = list(dict.fromkeys(name for each in rounds for name in each[key]))
    return {name: median(each[key].get(name, 0) for each in rounds) for name in names}
