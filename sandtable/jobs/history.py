"""The history of the environments: each rehearsal with its verdict, each ``up`` and ``down``, as events in ``.sandtable/history.db``.

Rule 1: the history is never in the way. Whatever is wrong with it is reported on stderr, and the command goes on.
Rule 2: a stream an environment; the run's name is the event's id, so that writing a report again records nothing twice.
Rule 3: what a newer version has written is counted and left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sandtable.document.answers.history import Entry, Figures, History
from sandtable.errors import MissingError, SandtableError
from workloads.ports.recorder import RecordsError

if TYPE_CHECKING:
    from sandtable.document.answers.deployment import Update
    from sandtable.document.rehearsal import Rehearsal
    from sandtable.workspace import Workspace
    from workloads.records.events.catalogue import Catalogue
    from workloads.records.store import EventStore

#: Events that a report shows at most.
SHOWN: Final = 40
_RUNS: Final = uuid.UUID("5a2d7ab1-0a53-4c6b-9a1e-6a6f1a3c7b55")
#: A history that somebody holds for longer is not waited for.
_BUSY_S: Final = 2.0
#: What may be wrong with a history: locked, damaged, newer, on a full disk.
_WRONG: Final = (RecordsError, SandtableError, OSError)


@dataclass(frozen=True, slots=True)
class RehearsalJudged:
    """A rehearsal has ended with a verdict; fields as in :class:`~sandtable.document.answers.history.Entry`."""

    run: str
    verdict: str
    exit_code: int | None
    measured: dict[str, Any] | None
    predicted: dict[str, Any] | None
    error_p50_ttft: float | None
    error_p95_ttft: float | None
    monthly_usd: float | None
    usd_per_million_output_tokens: float | None
    digest: str


@dataclass(frozen=True, slots=True)
class StackChanged:
    """An ``up`` or a ``down`` has ended."""

    operation: str
    changes: dict[str, int]
    seconds: float | None


@cache
def _catalogue() -> Catalogue:
    from workloads.records.events.catalogue import Catalogue

    types = Catalogue()
    types.add("rehearsal-judged", RehearsalJudged)
    types.add("stack-changed", StackChanged)
    return types


def record_rehearsal(space: Workspace, run: str, rehearsal: Rehearsal, complain: Callable[[str], None]) -> History | None:
    """Record the verdict of ``run`` and return the environment's history with it; None if that fails, and the reason is reported."""
    error, cost = rehearsal.error, rehearsal.cost
    judged = RehearsalJudged(
        run=run,
        verdict=rehearsal.verdict,
        exit_code=rehearsal.exit_code,
        measured=Figures.of_outcome(rehearsal.measured).model_dump(mode="json") if rehearsal.measured else None,
        predicted=Figures.of_outcome(rehearsal.predicted).model_dump(mode="json") if rehearsal.predicted else None,
        error_p50_ttft=error.of_figure("ttft_ms", "p50").relative if error else None,
        error_p95_ttft=error.of_figure("ttft_ms", "p95").relative if error else None,
        monthly_usd=cost.monthly_usd if cost else None,
        usd_per_million_output_tokens=cost.usd_per_million_output_tokens if cost else None,
        digest=rehearsal.graph.digest,
    )
    try:
        with _opened(space) as store:
            store.append(_stream(rehearsal.environment), [judged], event_ids=[uuid.uuid5(_RUNS, run).bytes])
            return _read(store, rehearsal.environment, SHOWN)
    except _WRONG as error:
        complain(f"not recorded in the history: {error}")
        return None


def record_change(space: Workspace, environment: str, operation: str, update: Update, complain: Callable[[str], None]) -> None:
    """Record an ``up`` or a ``down``; if that fails, the reason is reported."""
    try:
        with _opened(space) as store:
            store.append(_stream(environment), [StackChanged(operation, update.changes, update.seconds)])
    except _WRONG as error:
        complain(f"not recorded in the history: {error}")


def read(space: Workspace, environment: str, last: int | None = None) -> History:
    """Return what became of ``environment``, all of it or the ``last`` entries.

    Raises:
        MissingError: nothing was recorded yet.
        RecordsError: the history cannot be read; names the file and the remedy.
    """
    if (space.folder / "history.db").is_file():
        with _opened(space) as store:
            history = _read(store, environment, last)
        if history.entries or history.unreadable:
            return history
    raise MissingError(f"no history of {environment!r} in {space.folder}: `sandtable rehearse {environment}` starts one")


def _read(store: EventStore, environment: str, last: int | None) -> History:
    entries, unreadable = list[Entry](), 0
    for record in store.recorder.read_stream(_stream(environment)):
        try:
            event = store.decode(record)
            own = {"operation": "rehearse"} | asdict(event.body)
            entries.append(Entry.model_validate(own | {"at": datetime.fromtimestamp(event.at_us // 1_000_000, UTC).isoformat()}))
        except (RecordsError, ValueError):
            unreadable += 1
    return History.of_entries(environment, entries, last=last, unreadable=unreadable)


def _stream(environment: str) -> str:
    return f"environment/{environment}"


@contextmanager
def _opened(space: Workspace) -> Iterator[EventStore]:
    from workloads.records.recorders.sqlite import SqliteRecorder
    from workloads.records.store import EventStore

    recorder = SqliteRecorder(space.prepare() / "history.db", busy_s=_BUSY_S)
    try:
        yield EventStore(recorder, _catalogue())
    finally:
        recorder.close()
