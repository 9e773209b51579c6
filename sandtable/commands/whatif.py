"""``sandtable whatif``: questions to the twin, side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from sandtable.commands.options import Json, environments, print_json, workspace
from sandtable.errors import UsageError

EXAMPLES = """
Examples:

  sandtable whatif prod --scenario traffic=2x --scenario spot=0.7

  sandtable whatif prod --scenario traffic=2x+zone-lost=us-east-1a --json

  sandtable whatif --list                 every scenario, one line each
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("whatif", rich_help_panel="Rehearse", epilog=EXAMPLES)(whatif)


def whatif(
    context: typer.Context,
    environment: Annotated[
        str | None, typer.Argument(metavar="ENV", help="Name of the environment, or the path of its file.", autocompletion=environments)
    ] = None,
    *,
    scenario: Annotated[list[str] | None, typer.Option("--scenario", "-s", help="A scenario; repeat the option for more columns.")] = None,
    list_scenarios: Annotated[bool, typer.Option("--list", help="List the scenarios and exit.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of traffic, failures and spot preemptions.")] = 1,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Skip the bad rows of a trace instead of refusing it.")] = False,
    json: Json = False,
) -> None:
    """Ask the twin what would happen: cost, latency, availability and utilisation against the baseline."""
    from sandtable.document.answers.whatif import ScenarioKinds, WhatIf
    from sandtable.jobs.whatif import ask
    from sandtable.terminal import Steps, out, show_scenarios, show_whatif
    from simulations import whatif as questions

    if list_scenarios:
        kinds = ScenarioKinds.model_validate({"scenarios": tuple(questions.KINDS.values())})
        if json:
            print_json(kinds)
        else:
            show_scenarios(kinds, out())
        return
    if environment is None:
        raise UsageError("name the environment: `sandtable whatif prod --scenario traffic=2x`")
    document = WhatIf.of(ask(environment, scenario or [], workspace(context), Steps(quiet=json), seed=seed, skip_bad_rows=skip_bad_rows))
    if json:
        print_json(document)
    else:
        show_whatif(document, out())
