"""``sandtable up``, ``down``, ``preview`` and ``refresh``: Pulumi through its Automation API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, Yes, print_json, workspace

if TYPE_CHECKING:
    from sandtable.deploying import Target

EXAMPLES = """
Examples:

  sandtable preview staging        what would change, its price and its policy findings

  sandtable up dev                 starts the embedded cluster where needed

  sandtable down dev --delete-cluster
"""

Unlock = Annotated[bool, typer.Option("--unlock", help="Remove the lock that another run left behind (only where that run has ended).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (preview, up, refresh, down):
        app.command(command.__name__, rich_help_panel="Deploy", epilog=EXAMPLES)(command)


def _target(context: typer.Context, environment: str, *, yes: bool, quiet: bool, changes: bool = True) -> Target:
    from sandtable.deploying import Target

    return Target.open(environment, workspace(context), confirmed=yes or not changes, quiet=quiet)


def preview(context: typer.Context, environment: EnvironmentName, yes: Yes = False, json: Json = False) -> None:
    """Show what `up` would change, what it costs and what the policies say; changes nothing."""
    from sandtable.terminal import out, show_preview

    plan = _target(context, environment, yes=yes, quiet=json, changes=False).preview()
    if json:
        print_json(plan)
    else:
        show_preview(plan, out())


def up(context: typer.Context, environment: EnvironmentName, unlock: Unlock = False, yes: Yes = False, json: Json = False) -> None:
    """Deploy the environment to its cluster and wait until it is rolled out."""
    target = _target(context, environment, yes=yes, quiet=json)
    if unlock:
        target.deployment.unlock()
    update = target.up()
    if json:
        print_json({"changes": update.changes, "seconds": round(update.seconds, 3)})


def refresh(context: typer.Context, environment: EnvironmentName, yes: Yes = False, json: Json = False) -> None:
    """Compare what is deployed with the cluster and show what was changed by hand; the next `up` puts it back."""
    from sandtable.terminal import out, show_drift

    drift = _target(context, environment, yes=yes, quiet=json).drift()
    if json:
        print_json(drift)
    else:
        show_drift(drift, out())


def down(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    delete_cluster: Annotated[bool, typer.Option("--delete-cluster", help="Then throw the embedded cluster away.")] = False,
    unlock: Unlock = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove everything that `up` deployed."""
    target = _target(context, environment, yes=yes, quiet=json)
    if unlock:
        target.deployment.unlock()
    update = target.down()
    if delete_cluster:
        target.cluster.delete()
    if json:
        print_json({"changes": update.changes, "seconds": round(update.seconds, 3)})
