"""``sandtable graph``: the resources of a stack, from any of the sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandtable.commands.options import Json, environments, print_json, workspace
from sandtable.errors import UsageError
from sandtable.workspace import Workspace, read_json

if TYPE_CHECKING:
    from stacks.graph import Graph

EXAMPLES = """
Examples:

  sandtable graph prod                      the program, run without Pulumi

  sandtable graph prod --json | jq .digest

  sandtable graph prod --svg > prod.svg

  sandtable graph --state export.json       what `pulumi stack export` wrote

  sandtable graph --manifests deploy/       plain YAML
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("graph", rich_help_panel="Look", epilog=EXAMPLES)(graph)


EnvironmentOrNothing = Annotated[
    str | None, typer.Argument(metavar="[ENV]", help="Environment to read; its program is run without Pulumi.", autocompletion=environments)
]
State = Annotated[Path | None, typer.Option(help="Read an exported state (`pulumi stack export`).", exists=True, dir_okay=False)]
Preview = Annotated[Path | None, typer.Option(help="Read a plan (`pulumi preview --json`).", exists=True, dir_okay=False)]
Manifests = Annotated[list[Path] | None, typer.Option(help="Read Kubernetes manifests: files or folders.", exists=True)]


def graph(
    context: typer.Context,
    environment: EnvironmentOrNothing = None,
    *,
    state: State = None,
    preview: Preview = None,
    manifests: Manifests = None,
    json: Json = False,
    dot: Annotated[bool, typer.Option("--dot", help="Print Graphviz DOT.")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="Print a picture.")] = False,
) -> None:
    """Show the resource graph of an environment, a state, a plan or plain manifests; Pulumi is not needed."""
    if json + dot + svg > 1:
        raise UsageError("choose one of --json, --dot and --svg")
    from sandtable.terminal import Steps, out, show_graph

    with Steps(quiet=json).step("graph", brief=True):
        found = read_graph(workspace(context), environment, state, preview, manifests)
    if json:
        from sandtable.document.graph import StackGraph

        print_json(StackGraph.of(found))
    elif dot:
        from sandtable.report.dot import to_dot

        typer.echo(to_dot(found))
    elif svg:
        from sandtable.report.charts.graph import picture

        typer.echo(picture(found))
    else:
        show_graph(found, out())


def read_graph(space: Workspace, environment: str | None, state: Path | None, preview: Path | None, manifests: list[Path] | None) -> Graph:
    """Read the graph from the source that was named.

    Raises:
        UsageError: no source, or more than one, was named.
    """
    from stacks.environment.file import load
    from stacks.graph import sources

    if sum(map(bool, (environment, state, preview, manifests))) != 1:
        raise UsageError("name one source: an environment, or one of --state, --preview and --manifests")
    if state:
        return sources.from_state(read_json(state), str(state))
    if preview:
        return sources.from_preview(read_json(preview), str(preview))
    if manifests:
        return sources.from_manifests(manifests)
    return sources.from_program(load(str(environment), root=space.root))


def read_elsewhere(space: Workspace, state: Path | None, manifests: list[Path] | None) -> Graph | None:
    """Read the graph that stands for that of an environment's program; None if neither source was named.

    Raises:
        UsageError: both were named.
    """
    if state and manifests:
        raise UsageError("choose one of --manifests and --state")
    return read_graph(space, None, state, None, manifests) if state or manifests else None
