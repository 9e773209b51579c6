"""``sandtable rehearse``: the whole loop."""

from __future__ import annotations

from typing import Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, Yes, print_json, workspace

EXAMPLES = """
Examples:

  sandtable rehearse dev

  sandtable rehearse dev --keep-baseline       later ones are held against it

  sandtable rehearse staging --json | jq .verdict

The verdict is the exit code: 0 ship, 3 a threshold is broken, 4 inconclusive, 5 a regression, 6 a policy is violated.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rehearse", rich_help_panel="Rehearse", epilog=EXAMPLES)(rehearse)


def rehearse(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    keep_baseline: Annotated[
        bool, typer.Option("--keep-baseline", help="Keep the measurement as the baseline of later rehearsals.")
    ] = False,
    keep_cluster: Annotated[bool, typer.Option("--keep-cluster", help="Leave the embedded cluster running.")] = False,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Go on with a trace that has bad rows.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Deploy, predict, load-test and judge an environment; ends in a verdict and a report."""
    from sandtable.rehearsal import Options, rehearse

    options = Options(keep_baseline=keep_baseline, keep_cluster=keep_cluster, skip_bad_rows=skip_bad_rows, confirmed=yes, quiet=json)
    document = rehearse(environment, workspace(context), options)
    if json:
        print_json(document)
    raise typer.Exit(int(document.exit_code or 0))
