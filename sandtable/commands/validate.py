"""``sandtable validate``: published results beside those of the models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sandtable.commands.options import Json, print_json
from sandtable.exit_codes import ExitCode

EXAMPLES = """
Examples:

  sandtable validate                      every published result

  sandtable validate fgd airesim --json

  sandtable validate --list               set-up, source and tolerance of each
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate", rich_help_panel="Look", epilog=EXAMPLES)(validate)


def validate(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Published results to reproduce; default: all.")] = None,
    *,
    data: Annotated[
        Path, typer.Option("--data", help="Folder with the published traces; a result whose file is missing there is skipped.")
    ] = Path("../shared/data"),
    junit: Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Also write a Markdown page to this file.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, help="Results to run at a time; 0: one for each core.")] = 0,
    list_rows: Annotated[bool, typer.Option("--list", help="List the published results and exit.")] = False,
    json: Json = False,
) -> None:
    """Reproduce published results with the models; exit 3 if one is missed."""
    from sandtable.document.answers.validation import Validation
    from sandtable.jobs.validate import listed, validate
    from sandtable.report.validation import render_junit, render_page
    from sandtable.terminal import Steps, out, show_validation
    from sandtable.workspace import write_text

    found = (
        listed(names or ())
        if list_rows
        else Validation.of_rows(validate(names or (), data, Steps(quiet=json), workers=jobs or os.cpu_count() or 1))
    )
    if junit:
        write_text(junit, render_junit(found))
    if page:
        write_text(page, render_page(found))
    if json:
        print_json(found)
    else:
        show_validation(found, out())
    if found.missed:
        raise typer.Exit(ExitCode.THRESHOLD)
