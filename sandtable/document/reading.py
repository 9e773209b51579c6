"""Reads and writes a run folder: the only place where documents are parsed from JSON.

Rule 1: ``rehearsal.json`` must be there and readable; ``samples.json``, ``graph.json``, ``history.json``, ``verification.json`` and the
pictures of the jobs may be absent, for example if somebody copied only the first.
Rule 2: unknown keys are ignored, so that a newer writer of the same ``schema_version`` can add some; another version is an error.
Rule 3: errors name the file, the key, the value and the fix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from foundation.formats.json_text import decode
from sandtable.document.answers.history import History
from sandtable.document.answers.verification import Verification
from sandtable.document.graph import StackGraph
from sandtable.document.parts.base import Part
from sandtable.document.pictures import Picture, read_pictures
from sandtable.document.rehearsal import SCHEMA_VERSION, Rehearsal, RunSamples
from sandtable.document.writing import write
from sandtable.errors import MissingError, SandtableError, UsageError
from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource

if TYPE_CHECKING:
    from pathlib import Path

_FIX: Final = "`sandtable graph <environment> --json` writes one."
_T = TypeVar("_T", bound=Part)


class ReportError(SandtableError):
    """Base class of errors in a run folder; the text is shown to the operator."""


class RunMissingError(ReportError, MissingError):
    """The folder holds no finished run."""


class RunUnreadableError(ReportError, UsageError):
    """This version cannot read a document of the run; names the file, the key and the fix."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run; ``graph`` is None if the folder has none."""

    id: str
    rehearsal: Rehearsal
    samples: RunSamples
    graph: Graph | None
    history: History | None = None
    """Up to this run; None where it was not kept."""
    verification: Verification | None = None
    """Of the same graph; None if there was none."""
    pictures: tuple[Picture, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the documents of the run.

        Raises:
            UsageError: a file cannot be written.
        """
        write(folder / "rehearsal.json", self.rehearsal)
        write(folder / "samples.json", self.samples)
        if self.graph is not None:
            write(folder / "graph.json", StackGraph.of(self.graph))
        if self.history is not None:
            write(folder / "history.json", self.history)
        if self.verification is not None:
            write(folder / "verification.json", self.verification)


def read_run(folder: Path) -> Run:
    """Read the documents of one run.

    Raises:
        RunMissingError: the folder or its ``rehearsal.json`` is not there.
        RunUnreadableError: a document is not JSON, has another schema version, or lacks a required field.
    """
    path = folder / "rehearsal.json"
    if not path.is_file():
        raise RunMissingError(f"{path} is not there: {folder.name} is not a finished run. `sandtable rehearse <environment>` makes one.")
    return Run(
        id=folder.name,
        rehearsal=parse_rehearsal(_document(path), str(path)),
        samples=parse_samples(_document(folder / "samples.json") or {}, str(folder / "samples.json")),
        graph=parse_graph(_document(folder / "graph.json"), str(folder / "graph.json")),
        history=parse_history(_document(folder / "history.json"), str(folder / "history.json")),
        verification=read_verification(folder / "verification.json"),
        pictures=read_pictures(folder),
    )


def read_verification(path: Path) -> Verification | None:
    """Return a kept verification, None if there is no such file.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    document = _document(path)
    return None if document is None else _validated(Verification, document, str(path))


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


def parse_history(document: Any, place: str = "history.json") -> History | None:
    """Return the typed document, or None for a null one.

    Raises:
        RunUnreadableError: see :func:`read_run`.
    """
    return None if document is None else _validated(History, document, place)


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
    )  # imported late: it brings the parsers of all sources, which only a report needs

    named = dict.fromkeys(("urn", "type", "name"), needed(TEXT))
    entry = fields({**named, "parent": TEXT, "depends_on": each(TEXT), "inputs": fields({})})
    try:
        is_mapping = isinstance(document, dict)
        shape = fields({"resources": each(entry), "source": TEXT, "unseen": each(TEXT)})
        if problem := next(shape(document, ""), None) if is_mapping else f"it is a {type(document).__name__}":
            raise RunUnreadableError(f"{place}: is not a resource graph: {problem}. {_FIX}")
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
        raise RunUnreadableError(f"{error}. {_FIX}") from error
    except (KeyError, TypeError) as error:
        raise RunUnreadableError(f"{place}: is not a resource graph: {error!r}. {_FIX}") from error
    return Graph.of(resources, document.get("source") or "", document.get("unseen") or ())


def _document(path: Path) -> Any:
    """Return the decoded file, or None if there is no such file."""
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
        return kind.model_validate(_without_nulls(document))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RunUnreadableError(f"{place}: {key or 'the document'}: {first['msg']} (value: {_short(first['input'])}).") from error


def _without_nulls(value: Any) -> Any:
    """Drop keys with a null value, so that an absent part and a null part are the same; lists are left alone."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    return [_without_nulls(child) for child in value] if isinstance(value, list) else value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
