"""``sandtable doctor``, ``cluster`` and ``report``, and the error of a command that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from sandtable.document.parts.base import Part


def _written(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


#: A path as text.
FilePath = Annotated[str, BeforeValidator(_written)]


class Tool(Part):
    """One server or command-line tool."""

    name: str
    purpose: str
    needed_for: tuple[str, ...]
    """Jobs that need it; empty if it is optional."""
    wanted: str
    """The version that we install, and the versions that are accepted when found."""
    found: str | None
    origin: str | None
    path: FilePath | None
    licence: str
    sha256: str | None
    """Checksum of the file as it is now; null if the file was not read."""
    size_bytes: int | None
    problem: str | None
    fix: str | None
    """One command; null if there is nothing to fix."""


class Tools(Part):
    """Every server and command-line tool that Sandtable uses."""

    tools: tuple[Tool, ...]


class Variables(Part):
    """Shell variables for running Pulumi yourself."""

    variables: dict[str, str]


class ClusterState(Part):
    """The state of a cluster."""

    name: str
    provider: str
    running: bool
    server: str | None
    nodes_are_played: bool
    """Whether KWOK simulates the nodes and pods."""
    note: str
    context: str | None
    """The kubeconfig context that the stack is deployed through."""


class Kubeconfig(Part):
    """Where to reach a cluster."""

    kubeconfig: FilePath
    """Path of the file."""
    context: str
    """The context to use inside that file."""


class ReportFiles(Part):
    """The report files that were written for a run."""

    html: FilePath
    """Path of report.html."""
    junit: FilePath
    """Path of junit.xml."""
    markdown: FilePath
    """Path of summary.md."""


class Fault(Part):
    """Why a command failed."""

    exit_code: Literal[1, 2, 6, 7, 130]
    """The process's exit code; docs/exit-codes.md names them."""
    name: Literal["internal", "configuration", "policy", "missing", "interrupted"]
    message: str


class Failure(Part):
    """What ``--json`` prints where a command fails."""

    error: Fault
