"""``sandtable cluster``: start, stop and inspect the cluster of an environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, print_json, workspace
from sandtable.errors import MissingError

if TYPE_CHECKING:
    from stacks.clusters.port import Cluster

EXAMPLES = {
    "start": """
Examples:

  sandtable cluster start dev

  sandtable cluster start dev --json | jq -r .server
""",
    "stop": """
Examples:

  sandtable cluster stop dev            its data are kept for the next start
""",
    "delete": """
Examples:

  sandtable cluster delete dev          asks first

  sandtable cluster delete dev --yes    where nobody can answer
""",
    "status": """
Examples:

  sandtable cluster status dev

  sandtable cluster status dev --json | jq .running
""",
    "kubeconfig": """
Examples:

  export KUBECONFIG=$(sandtable cluster kubeconfig dev)

  kubectl --kubeconfig "$(sandtable cluster kubeconfig dev)" get nodes
""",
}
GROUP_EXAMPLES = """
Examples:

  sandtable cluster start dev

  sandtable cluster status dev          what runs, and where

  sandtable cluster delete dev          stops it and deletes its data
"""


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Start, stop and inspect the cluster of an environment.", no_args_is_help=True, epilog=GROUP_EXAMPLES)
    for command in (start, stop, delete, status, kubeconfig):
        group.command(command.__name__, epilog=EXAMPLES[command.__name__])(command)
    app.add_typer(group, name="cluster", rich_help_panel="Deploy")


def _open(context: typer.Context, environment: str) -> Cluster:
    from stacks.clusters import open_cluster
    from stacks.environment.file import load

    space = workspace(context)
    return open_cluster(load(environment, root=space.root), space.root)


def start(context: typer.Context, environment: EnvironmentName, json: Json = False) -> None:
    """Start the cluster of ENV; builds what is missing first."""
    from sandtable.jobs.stack.tools import ensure, needed_for_cluster
    from sandtable.terminal import Steps
    from stacks.environment.file import load

    found = _open(context, environment)
    steps = Steps(quiet=json)
    ensure(needed_for_cluster(load(environment, root=workspace(context).root)), steps)
    with steps.step("start"):
        found.start()
    _show(found, json=json)


def stop(context: typer.Context, environment: EnvironmentName, json: Json = False) -> None:
    """Stop the cluster of ENV and keep its data."""
    from sandtable.terminal import Steps

    found = _open(context, environment)
    with Steps(quiet=json).step("stop"):
        found.stop()
    _show(found, json=json)


def delete(
    context: typer.Context,
    environment: EnvironmentName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    json: Json = False,
) -> None:
    """Stop the cluster of ENV and delete its data."""
    if not yes:
        typer.confirm(f"Delete the cluster of {environment} and everything deployed on it?", abort=True, err=True)
    from sandtable.terminal import Steps

    found = _open(context, environment)
    with Steps(quiet=json).step("delete"):
        found.delete()
    _show(found, json=json)


def status(context: typer.Context, environment: EnvironmentName, json: Json = False) -> None:
    """Show the state of the cluster."""
    _show(_open(context, environment), json=json)


def kubeconfig(context: typer.Context, environment: EnvironmentName, json: Json = False) -> None:
    """Print the path of the kubeconfig file (of all, where the context is split), for kubectl and for `pulumi up` by hand."""
    from sandtable.document.answers.machine import Kubeconfig

    found = _open(context, environment)
    paths = [path.resolve() for path in found.kubeconfigs]
    if missing := [path for path in paths if not path.is_file()]:
        raise MissingError(f"{missing[0]} does not exist yet: run `sandtable cluster start {found.name}` first")
    value = os.pathsep.join(map(str, paths))
    if json:
        print_json(Kubeconfig(kubeconfig=value, context=found.context))
    else:
        typer.echo(value)


def _show(cluster: Cluster, *, json: bool) -> None:
    from sandtable.document.answers.machine import ClusterState

    found = ClusterState.of(cluster.status())
    if json:
        print_json(found)
        return
    state = "running" if found.running else "not running"
    typer.echo(
        f"{found.name} ({found.provider}): {state}{f' at {found.server}' if found.server else ''}{f'; {found.note}' if found.note else ''}"
    )
