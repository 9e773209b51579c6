"""``sandtable check``: the policies over a graph from any of the sources."""

from __future__ import annotations

import typer

from sandtable.commands.graph import EnvironmentOrNothing, Manifests, Preview, State, read_graph
from sandtable.commands.options import Json, print_json, workspace
from sandtable.exit_codes import ExitCode

EXAMPLES = """
Examples:

  sandtable check prod

  sandtable check --manifests deploy/     the same rules over anybody's YAML
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
    """Check the policies; exit 6 where one is violated."""
    import policies
    from sandtable.terminal import out, show_findings
    from stacks.environment_file import load
    from stacks.prices import PriceBook

    space = workspace(context)
    graph = read_graph(space, environment, state, preview, manifests)
    typed = load(environment, root=space.root) if environment else None
    findings = policies.check(graph, typed, PriceBook.named(typed.budget.price_book if typed else "bundled", root=space.root))
    denied = [finding for finding in findings if finding.denies]
    if json:
        print_json({"digest": graph.digest, "findings": [finding.to_json() for finding in findings], "denied": len(denied)})
    else:
        show_findings([finding.to_json() for finding in findings], out())
    if denied:
        raise typer.Exit(ExitCode.POLICY)
