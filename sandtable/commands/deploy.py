"""``sandtable up``, ``down``, ``preview`` and ``refresh``: Pulumi through its Automation API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, Yes, print_json, workspace
from sandtable.exit_codes import ExitCode

if TYPE_CHECKING:
    from sandtable.deploying import Target
    from stacks.deployment import Update

EXAMPLES = {
    "preview": """
Examples:

  sandtable preview staging        what would change, its price, its findings

  sandtable preview dev --json | jq .changes
""",
    "up": """
Examples:

  sandtable up dev                 starts the embedded cluster where needed

  sandtable up dev --unlock        after a run on another machine was killed
""",
    "refresh": """
Examples:

  sandtable refresh dev            what was changed by hand since the last up

  sandtable refresh dev --json | jq -r '.steps[].label'
""",
    "down": """
Examples:

  sandtable down dev               the cluster stays

  sandtable down dev --delete-cluster
""",
}

Unlock = Annotated[bool, typer.Option("--unlock", help="Remove the lock that another run left behind (only where that run has ended).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (preview, up, refresh, down):
        app.command(command.__name__, rich_help_panel="Deploy", epilog=EXAMPLES[command.__name__])(command)


def _target(context: typer.Context, environment: str, *, yes: bool, quiet: bool) -> Target:
    from sandtable.deploying import Target

    return Target.open(environment, workspace(context), confirmed=yes, quiet=quiet)


def preview(context: typer.Context, environment: EnvironmentName, json: Json = False) -> None:
    """Show what `up` would change, what it costs and what the policies say; changes nothing. Exit 6 where a policy denies.

    An embedded cluster is started for the comparison and goes on running, as with `up`.
    """
    from sandtable.terminal import out, show_preview

    plan = _target(context, environment, yes=True, quiet=json).preview()  # nothing to agree to: a plan changes nothing
    if json:
        print_json(plan)
    else:
        show_preview(plan, out())
    if plan.denied:
        raise typer.Exit(ExitCode.POLICY)


def up(context: typer.Context, environment: EnvironmentName, unlock: Unlock = False, yes: Yes = False, json: Json = False) -> None:
    """Deploy the environment to its cluster and wait until it is rolled out; nothing is deployed where a policy denies (exit 6)."""
    target = _target(context, environment, yes=yes, quiet=json)
    if unlock:
        target.deployment.unlock()
    update = target.up()
    _show(update, target, json=json)


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
    _show(update, target, json=json)


def _show(update: Update, target: Target, *, json: bool) -> None:
    from sandtable.document.answers import deployment
    from sandtable.terminal import out, show_update

    done = deployment.Update.of(update)
    if json:
        print_json(done)
    else:
        show_update(target.environment.name, done, out())
