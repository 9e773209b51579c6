"""``sandtable whatif``: questions to the twin, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sandtable.commands.graph import Manifests, State, read_elsewhere, read_graph
from sandtable.commands.options import Json, Page, environments, print_json, workspace, write_page
from sandtable.errors import UsageError

EXAMPLES = """
Examples:

  sandtable whatif prod --scenario traffic=2x --scenario spot=0.7

  sandtable whatif prod --scenario traffic=2x+zone-lost=us-east-1a --json

  sandtable whatif prod -s gpu=L40S -s replicas=2 --compare     side by side

  sandtable whatif prod --diff staging     under the traffic of prod

  sandtable whatif prod --plan plan.json  a change before it is deployed

  sandtable whatif prod --manifests deploy/ --scenario traffic=2x

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
    manifests: Manifests = None,
    state: State = None,
    diff: Annotated[
        str | None, typer.Option("--diff", metavar="BASE", help="Compare with the stack of this environment.", autocompletion=environments)
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Compare with this plan (`pulumi preview --json`).", exists=True, dir_okay=False)
    ] = None,
    replications: Annotated[
        str, typer.Option("--replications", help="How many; auto: until the figures are known to 5 %, at most 20.")
    ] = "auto",
    compare: Annotated[bool, typer.Option("--compare", help="Also compare the scenarios with each other, pair by pair.")] = False,
    why: Annotated[
        list[str] | None, typer.Option("--why", metavar="POD", help="Also say why this pod is on its node, or request=N on its replica.")
    ] = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Skip the bad rows of a trace instead of refusing it.")] = False,
    page: Page = None,
    json: Json = False,
) -> None:
    """Ask the twin what would happen: cost, latency, availability and utilisation against the baseline.

    ENV gives the traffic and the budget, and its program the stack. --manifests and --state read the stack from elsewhere; --diff and
    --plan compare two stacks, and the scenarios then apply to the second.
    """
    from sandtable.document.answers.whatif import ScenarioKinds, WhatIf
    from sandtable.jobs.whatif import Sources, ask
    from sandtable.report.answers import whatif_page
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
    space = workspace(context)
    if sum(map(bool, (manifests, state, plan, diff))) > 1:
        raise UsageError("choose one of --manifests, --state, --diff and --plan")
    answer = ask(
        environment,
        scenario or [],
        space,
        Steps(quiet=json),
        seed=seed,
        sources=Sources(
            graph=read_elsewhere(space, state, manifests),
            base=diff,
            plan=read_graph(space, None, None, plan, None) if plan else None,
        ),
        replications=_number(replications),
        skip_bad_rows=skip_bad_rows,
        compare=compare,
        why=why or (),
        bands=page is not None,
    )
    document = WhatIf.of(answer)
    write_page(page, lambda: whatif_page(document))
    if json:
        print_json(document)
    else:
        show_whatif(document, out())


def _number(replications: str) -> int | None:
    """Return a number of replications, None for auto."""
    if replications == "auto":
        return None
    if replications.isascii() and replications.isdecimal() and 2 <= int(replications) <= 1000:
        return int(replications)
    raise UsageError(f"--replications is {replications!r}; give auto, or a number from 2 to 1000")
