"""``sandtable report``: rewrites the report of a rehearsal and opens it."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from sandtable.commands.options import Json, print_json, workspace

EXAMPLES = """
Examples:

  sandtable report                   the latest rehearsal

  sandtable report 20261124T010203-dev --no-open
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report", rich_help_panel="Rehearse", epilog=EXAMPLES)(report)


def report(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="Name of the run; default: the latest.")] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    json: Json = False,
) -> None:
    """Rewrite the report of a rehearsal and open it."""
    from sandtable.document.reading import read_run
    from sandtable.report import write_reports

    space = workspace(context)
    folder = space.run(run) if run else space.latest_run()
    files = write_reports(read_run(folder), folder)
    if json:
        print_json(files)
        return
    for path in (files.html, files.junit, files.markdown):
        typer.echo(path)
    if open_browser and not webbrowser.open(Path(files.html).resolve().as_uri()):
        typer.echo("no browser found: open the .html file above yourself", err=True)
