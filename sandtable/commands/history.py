"""``sandtable history``: what became of an environment over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, print_json, workspace

EXAMPLES = """
Examples:

  sandtable history dev

  sandtable history dev --last 10

  sandtable history dev --json | jq '.trends'
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("history", rich_help_panel="Look", epilog=EXAMPLES)(history)


def history(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    last: Annotated[int | None, typer.Option("--last", min=1, metavar="N", help="Only the N newest entries.")] = None,
    json: Json = False,
) -> None:
    """Show the rehearsals and deployments of an environment, and how latency, cost and prediction error move."""
    from sandtable.jobs.history import read
    from sandtable.terminal import out, show_history

    found = read(workspace(context), _name(environment), last)
    if json:
        print_json(found)
    else:
        show_history(found, out())


def _name(environment: str) -> str:
    """Return the environment's name; its file need not be there any more."""
    return Path(environment).name.removeprefix("Pulumi.").removesuffix(".yaml")
