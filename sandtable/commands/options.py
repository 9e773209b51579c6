"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandtable import streams
from sandtable.terminal_escapes import seen_lines
from sandtable.workspace import Workspace, write_text

if TYPE_CHECKING:
    from sandtable.document.parts.base import Part


def environments(context: typer.Context) -> Iterable[str]:
    """Return the names that complete ENV."""
    from stacks.environment.file import names

    root = context.find_root().params.get("root")
    return names(root) if root else ()


EnvironmentName = Annotated[
    str, typer.Argument(metavar="ENV", help="Name of the environment (dev), or the path of its file.", autocompletion=environments)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Change a cluster that you named without asking.")]
YesTarget = Annotated[bool, typer.Option("--yes", "-y", help="Load a target that you named without asking.")]

Page = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Also write a page with pictures.", dir_okay=False)]


def workspace(context: typer.Context) -> Workspace:
    """Return the workspace that the root options chose."""
    found: Workspace = context.obj
    return found


def print_json(document: Part) -> None:
    """Print the one document of ``--json``."""
    from sandtable.document.writing import to_text

    typer.echo(to_text(document))


def complain(text: str) -> None:
    """Say on stderr what went wrong beside the command's own work."""
    streams.tell(seen_lines(text), err=True)


def write_page(path: Path | None, render: Callable[[], str]) -> None:
    """Write the page that was asked for, and say where it is; nothing without a path.

    Raises:
        UsageError: it cannot be written.
    """
    if path is not None:
        write_text(path, seen_lines(render()))
        complain(f"report: {path}")
