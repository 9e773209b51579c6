"""``sandtable check``: the policies over a graph from any of the sources."""

from __future__ import annotations

import typer

from sandtable.commands.graph import EnvironmentOrNothing, Manifests, Preview, State, read_graph
from sandtable.commands.options import Json, print_json, workspace
from sandtable.exit_codes import ExitCode

EXAMPLES = """
Examples:

  sandtable check prod

  sandtable check --manifests deploy/     the same rules over plain YAML

  sandtable check prod --manifests deploy/  as part of prod, by its budget
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check", rich_help_panel="Look", epilog=EXAMPLES)(check)


def check(
    context: typer.Context,
    environment: EnvironmentOrNothing = None,
    *,
    state: State = None,
    preview: Preview = None,
    manifests: Manifests = None,
    json: Json = False,
) -> None:
    """Check the policies; exit 6 if one is violated.

    With an environment and another source, the source is checked against the environment's rules.
    """
    import policies
    from sandtable.document.answers.checks import Check
    from sandtable.terminal import Steps, out, show_check
    from stacks.environment.file import load
    from stacks.pricing.prices import PriceBook

    space = workspace(context)
    with Steps(quiet=json).step("check", brief=True):
        graph = read_graph(space, None if state or preview or manifests else environment, state, preview, manifests)
        typed = load(environment, root=space.root) if environment else None
        book = PriceBook.named(typed.budget.price_book if typed else "bundled", root=space.root)
        assessment = policies.assess(graph, typed, book)
    found = Check.of(assessment, digest=graph.digest, denied=len(assessment.violations))
    if json:
        print_json(found)
    else:
        show_check(found, out())
    if assessment.violations:
        raise typer.Exit(ExitCode.POLICY)
