"""A run folder, read and typed: what every renderer of a rehearsal starts from.

Rule 1: ``rehearsal.json`` must be there and readable; ``samples.json`` and ``graph.json`` may be absent, as where somebody copied it alone.
Rule 2: unknown keys are ignored, so that a newer writer of the same ``schema_version`` can add some; another version is an error.
Rule 3: errors name the file, the key, the value and the mend.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from foundation.formats.json_text import decode
from sandtable.errors import MissingError, SandtableError, UsageError
from sandtable.report.run.documents import Cost, Finding, Outcome, Rehearsal, RunSamples, Scenario
from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

SCHEMA_VERSION: Final = 1
_MEND: Final = "`sandtable graph <environment> --json` writes one."
_T = TypeVar("_T")


class ReportError(SandtableError):
    """Base of every error raised by ``sandtable.report``; its text is fit for an operator."""


class RunMissingError(ReportError, MissingError):
    """The folder holds no finished run."""


class RunUnreadableError(ReportError, UsageError):
    """A document of the run is not what this version reads; names the file, the key and the mend."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it lies on the disk; ``graph`` is None where the run ended before there was one."""

    id: str
    rehearsal: Rehearsal
    samples: RunSamples
    graph: Graph | None


@cache
def _reader(kind: Hashable) -> TypeAdapter[Any]:
    """Return the validator of a type; made when it is first needed, because that takes as long as a short command."""
    return TypeAdapter(cast("Any", kind))


def read_run(folder: Path) -> Run:
    """Read the documents of one run.

    Raises:
        RunMissingError: the folder or its ``rehearsal.json`` is not there.
        RunUnreadableError: a document is not JSON, of another schema version, or lacks what must be there.
    """
    path = folder / "rehearsal.json"
    if not path.is_file():
        raise RunMissingError(f"{path} is not there: {folder.name} is not a finished run. `sandtable rehearse <environment>` makes one.")
    return Run(
        id=folder.name,
        rehearsal=parse_rehearsal(_document(path), str(path)),
        samples=parse_samples(_document(folder / "samples.json") or {}, str(folder / "samples.json")),
        graph=parse_graph(_document(folder / "graph.json"), str(folder / "graph.json")),
    )


def parse_rehearsal(document: Any, place: str = "rehearsal.json") -> Rehearsal:
    """Return the typed document; ``place`` is named in errors.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    if not isinstance(document, dict):
        raise RunUnreadableError(f"{place}: is a {type(document).__name__}; a rehearsal is an object with `schema_version`.")
    if (version := document.get("schema_version")) != SCHEMA_VERSION:
        raise RunUnreadableError(
            f"{place}: schema_version is {version!r}; this version of Sandtable reads {SCHEMA_VERSION}."
            " Render the run with the version that made it, or rehearse again."
        )
    return _validated(Rehearsal, document, place)


def parse_samples(document: Any, place: str = "samples.json") -> RunSamples:
    """Return the typed document.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    return _validated(RunSamples, document, place)


def parse_findings(document: Any, place: str = "policies") -> list[Finding]:
    """Return the typed findings.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    return _validated(list[Finding], document, place)


def parse_cost(document: Any, place: str = "cost") -> Cost:
    """Return the typed cost.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    return _validated(Cost, document, place)


def parse_outcome(document: Any, place: str = "outcome") -> Outcome:
    """Return the typed outcome.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    return _validated(Outcome, document, place)


def parse_scenarios(document: Any, place: str = "scenarios") -> list[Scenario]:
    """Return the typed answers of a what-if, the baseline first.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    found = _validated(list[Scenario], document, place)
    if not found:
        raise RunUnreadableError(f"{place}: is empty; the first scenario is the baseline.")
    return found


def parse_graph(document: Any, place: str = "graph.json") -> Graph | None:
    """Return the graph, or None for a null document.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    if document is None:
        return None
    from stacks.graph.sources.shapes import (
        TEXT,
        checked,
        each,
        fields,
        needed,
    )  # with the parsers of all sources, which only a report has use for

    named = dict.fromkeys(("urn", "type", "name"), needed(TEXT))
    entry = fields({**named, "parent": TEXT, "depends_on": each(TEXT), "inputs": fields({})})
    try:
        is_mapping = isinstance(document, dict)
        shape = fields({"resources": each(entry), "source": TEXT, "unseen": each(TEXT)})
        if problem := next(shape(document, ""), None) if is_mapping else f"it is a {type(document).__name__}":
            raise RunUnreadableError(f"{place}: is not a resource graph: {problem}. {_MEND}")
        resources = [
            Resource(
                r["urn"],
                r["type"],
                r["name"],
                r.get("parent"),
                tuple(r.get("depends_on") or ()),
                checked(r.get("inputs") or {}, f"{place}: resources[{index}]", whole=False),
            )
            for index, r in enumerate(document["resources"])
        ]
    except ConfigurationError as error:
        raise RunUnreadableError(f"{error}. {_MEND}") from error
    except (KeyError, TypeError) as error:
        raise RunUnreadableError(f"{place}: is not a resource graph: {error!r}. {_MEND}") from error
    return Graph.of(resources, document.get("source") or "", document.get("unseen") or ())


def _document(path: Path) -> Any:
    """Return the decoded file, None where there is no such file."""
    if not path.is_file():
        return None
    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise RunUnreadableError(f"{path}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise RunUnreadableError(f"{path}: is not JSON: {error}. Was the run interrupted while writing? Rehearse again.") from error


def _validated(kind: type[_T], document: Any, place: str) -> _T:
    try:
        found: _T = _reader(cast("Hashable", kind)).validate_python(_without_nulls(document))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RunUnreadableError(f"{place}: {key or 'the document'}: {first['msg']} (value: {_short(first['input'])}).") from error
    return found


def _without_nulls(value: Any) -> Any:
    """Drop keys without a value, so that an absent part and a null part are the same; lists keep theirs."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    return [_without_nulls(child) for child in value] if isinstance(value, list) else value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
