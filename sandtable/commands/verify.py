"""``sandtable verify``: what works on a deployed stack, shown by checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, print_json, workspace
from sandtable.exit_codes import ExitCode

EXAMPLES = """
Examples:

  sandtable verify dev                      changes nothing that outlives it

  sandtable verify lab --drills             also kills, fills and revokes

  sandtable verify dev --only rights --json

  sandtable verify dev --list               what each proves, and its control

It ends with 3 where a check fails, with 4 where one could not run.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify", rich_help_panel="Deploy", epilog=EXAMPLES)(verify)


def verify(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    drills: Annotated[bool, typer.Option("--drills", help="Also run the drills; only on clusters that Sandtable made.")] = False,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Run only this check; may be repeated.")] = None,
    list_checks: Annotated[bool, typer.Option("--list", help="List the checks and exit.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.")] = None,
    json: Json = False,
) -> None:
    """Check that each part of the deployed stack does its work. Exit 3 if one does not, 4 if a check could not run."""
    from sandtable.jobs.verify.verify import listed
    from sandtable.jobs.verify.verify import verify as run
    from sandtable.report.verification import render_junit
    from sandtable.terminal import Steps, out, show_verification
    from sandtable.workspace import write_text

    space, names = workspace(context), only or ()
    found = listed(environment, names, space) if list_checks else run(environment, names, space, Steps(quiet=json), drills=drills)
    if junit:
        write_text(junit, render_junit(found))
    if json:
        print_json(found)
    else:
        show_verification(found, out())
    if found.failed:
        raise typer.Exit(ExitCode.THRESHOLD)
    if found.unknown:
        raise typer.Exit(ExitCode.INCONCLUSIVE)
