"""``sandtable cost``: what an environment costs, and what would cost less."""

from __future__ import annotations

from typing import Annotated

import typer

from sandtable.commands.graph import Manifests, State, read_elsewhere
from sandtable.commands.options import EnvironmentName, Json, Page, print_json, workspace, write_page

EXAMPLES = """
Examples:

  sandtable cost prod                by pool, component and token

  sandtable cost prod --optimise     rightsizing, spot, commitments, each with its risk
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cost", rich_help_panel="Look", epilog=EXAMPLES)(cost)


def cost(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    optimise: Annotated[bool, typer.Option("--optimise", help="Also list what would cost less, and what it risks.")] = False,
    manifests: Manifests = None,
    state: State = None,
    page: Page = None,
    json: Json = False,
) -> None:
    """Show what an environment costs a month: by pool, by component with the idle share, and by token at several loads.

    ENV gives the traffic and the budget, and its program the stack; --manifests and --state read the stack from elsewhere.
    """
    from sandtable.document.answers.cost import EnvironmentCost
    from sandtable.jobs.cost import cost as price
    from sandtable.report.answers import cost_page
    from sandtable.terminal import Steps, out, show_money

    space = workspace(context)
    graph = read_elsewhere(space, state, manifests)
    document = EnvironmentCost.of(price(environment, space, Steps(quiet=json), optimise=optimise, graph=graph))
    write_page(page, lambda: cost_page(document))
    if json:
        print_json(document)
    else:
        show_money(document, out())
