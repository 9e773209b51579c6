"""``sandtable whatif``: questions to the twin, side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, print_json, workspace

EXAMPLES = """
Examples:

  sandtable whatif prod --scenario traffic=2x --scenario spot=0.7

  sandtable whatif prod --scenario traffic=2x+zone-lost=us-east-1a --json

  sandtable whatif prod --list            every scenario with one line each
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("whatif", rich_help_panel="Rehearse", epilog=EXAMPLES)(whatif)


def whatif(
    context: typer.Context,
    environment: EnvironmentName,
    scenario: Annotated[list[str] | None, typer.Option("--scenario", "-s", help="A question; give several for several columns.")] = None,
    list_scenarios: Annotated[bool, typer.Option("--list", help="List the scenarios and exit.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of traffic, failures and spot.")] = 1,
    json: Json = False,
) -> None:
    """Ask the twin what would happen: cost, latency, availability and utilisation against the baseline."""
    from sandtable.questions import ask
    from sandtable.terminal import out, show_scenarios, show_whatif
    from simulations import whatif as questions

    if list_scenarios:
        show_scenarios(questions.KINDS, out())
        return
    document = ask(environment, scenario or [], workspace(context), seed=seed, quiet=json)
    if json:
        print_json(document)
    else:
        show_whatif(document, out())
