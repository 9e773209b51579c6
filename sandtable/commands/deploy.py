"""``sandtable up``, ``down``, ``preview`` and ``refresh``: Pulumi through its Automation API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sandtable.commands.options import EnvironmentName, Json, Yes, complain, print_json, workspace
from sandtable.exit_codes import ExitCode

if TYPE_CHECKING:
    from sandtable.jobs.stack.deploy import OpenedStack
    from stacks.deployment import Update

EXAMPLES = {
    "preview": """
Examples:

  sandtable preview staging        what would change, cost, policies

  sandtable preview dev --json | jq .changes
""",
    "up": """
Examples:

  sandtable up dev                 starts the embedded cluster if needed

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

Unlock = Annotated[bool, typer.Option("--unlock", help="Remove the lock that another run left behind. Only do this if that run has ended.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (preview, up, refresh, down):
        app.command(command.__name__, rich_help_panel="Deploy", epilog=EXAMPLES[command.__name__])(command)


def _open(context: typer.Context, environment: str, *, yes: bool, quiet: bool) -> OpenedStack:
    from sandtable.jobs.stack.deploy import open_stack
    from sandtable.terminal import Steps

    return open_stack(environment, workspace(context), Steps(quiet=quiet), confirmed=yes)


def preview(context: typer.Context, environment: EnvironmentName, json: Json = False) -> None:
    """Show what `up` would change, what it costs and what the policies say, and change nothing. Exit 6 if a policy denies.

    An embedded cluster is started for the comparison and keeps running, as with `up`.
    """
    from sandtable.document.answers.deployment import Plan
    from sandtable.document.parts.cost import PlannedCost
    from sandtable.jobs.stack import deploy
    from sandtable.terminal import out, show_preview

    planned = deploy.preview(_open(context, environment, yes=True, quiet=json))  # no confirmation is needed: a plan changes nothing
    graph = planned.preview.graph
    plan = Plan.of(
        planned.preview,
        environment=planned.environment.name,
        resources=len(graph),
        digest=graph.digest,
        cost=PlannedCost.of(planned.cost, before_monthly_usd=planned.cost_before.monthly_usd),
        policies=planned.findings,
    )
    if json:
        print_json(plan)
    else:
        show_preview(plan, out())
    if plan.denied:
        raise typer.Exit(ExitCode.POLICY)


def up(context: typer.Context, environment: EnvironmentName, unlock: Unlock = False, yes: Yes = False, json: Json = False) -> None:
    """Deploy the environment to its cluster and wait for the rollout. If a policy denies, nothing is deployed (exit 6)."""
    from sandtable.jobs.stack import deploy

    stack = _open(context, environment, yes=yes, quiet=json)
    if unlock:
        stack.deployment.unlock()
    _conclude("up", deploy.up(stack), stack, context, json=json)


def refresh(context: typer.Context, environment: EnvironmentName, yes: Yes = False, json: Json = False) -> None:
    """Compare what is deployed with the cluster and show what was changed by hand; the next `up` reverts it."""
    from sandtable.document.answers.deployment import Drift
    from sandtable.jobs.stack import deploy
    from sandtable.terminal import out, show_drift

    drift = Drift.of(deploy.refresh(_open(context, environment, yes=yes, quiet=json)))
    if json:
        print_json(drift)
    else:
        show_drift(drift, out())


def down(
    context: typer.Context,
    environment: EnvironmentName,
    *,
    delete_cluster: Annotated[bool, typer.Option("--delete-cluster", help="Then delete the embedded cluster.")] = False,
    unlock: Unlock = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove everything that `up` deployed."""
    from sandtable.jobs.stack import deploy

    stack = _open(context, environment, yes=yes, quiet=json)
    if unlock:
        stack.deployment.unlock()
    update = deploy.down(stack)
    if delete_cluster:
        stack.cluster.delete()
    _conclude("down", update, stack, context, json=json)


def _conclude(operation: str, update: Update, stack: OpenedStack, context: typer.Context, *, json: bool) -> None:
    """Record what was done, and show it."""
    from sandtable.document.answers import deployment
    from sandtable.jobs.history import record_change
    from sandtable.terminal import out, show_update

    done = deployment.Update.of(update)
    record_change(workspace(context), stack.environment.name, operation, done, complain)
    if json:
        print_json(done)
    else:
        show_update(stack.environment.name, done, out())
