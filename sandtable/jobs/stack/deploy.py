"""The stack of an environment on its cluster: planned, deployed, compared and removed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandtable.jobs import images
from sandtable.jobs.remarks import Remarks
from sandtable.jobs.stack import cluster as clusters
from sandtable.jobs.stack.policy_gate import check_policies, refuse_denied
from sandtable.jobs.stack.tools import ensure, needed_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.findings import Finding
    from sandtable.terminal import Steps
    from sandtable.terminal.progress.steps import Step
    from sandtable.workspace import Workspace
    from stacks.clusters.port import Cluster
    from stacks.deployment import Deployment, Event, Preview, Update
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.costs import Cost
    from stacks.pricing.prices import PriceBook


@dataclass(frozen=True, slots=True)
class OpenedStack:
    """An environment's stack on a running cluster that the user has agreed to change."""

    environment: Environment
    cluster: Cluster
    deployment: Deployment
    book: PriceBook
    steps: Steps


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What an ``up`` would change, what the policies find in it, and the monthly cost before and after."""

    environment: Environment
    preview: Preview
    findings: tuple[Finding, ...]
    cost_before: Cost
    cost: Cost


@dataclass(frozen=True, slots=True)
class Landed:
    """What is deployed, according to the state and to the cluster, and how the state differs from the program, a sentence each."""

    graph: Graph
    live: Graph
    differences: tuple[str, ...]
    remarks: Remarks


def open_stack(name: str, space: Workspace, steps: Steps, *, confirmed: bool) -> OpenedStack:
    """Read the environment, get the tools, ask before changing a user's cluster, and start an embedded one.

    Raises:
        StackError: the environment is invalid, or the cluster does not fit.
        ToolchainError: a server or tool is missing and cannot be installed.
        UsageError: the project's folder cannot be written.
        click.Abort: the user said no.
    """
    from stacks.clusters import open_cluster
    from stacks.deployment import Deployment
    from stacks.environment.file import load
    from stacks.pricing.prices import PriceBook

    environment = load(name, root=space.root)
    book = PriceBook.named(environment.budget.price_book, root=space.root)
    space.prepare()
    cluster = open_cluster(environment, space.root)
    clusters.agree(environment, cluster, confirmed=confirmed)
    ensure(needed_for(environment), steps)
    clusters.start(cluster, steps)
    return OpenedStack(environment, cluster, Deployment(environment, cluster=cluster, root=space.root), book, steps)


def preview(stack: OpenedStack) -> PlannedChange:
    """Plan an ``up``; nothing is changed."""
    import policies
    from stacks.pricing.costs import monthly_cost

    with stack.steps.step("preview") as step, _shown(stack.deployment, step):
        plan = stack.deployment.preview()
        step.note(f"{len(plan.graph)} resources")
    return PlannedChange(
        stack.environment,
        plan,
        tuple(policies.check(plan.graph, stack.environment, stack.book)),
        monthly_cost(stack.deployment.graph(), stack.book),
        monthly_cost(plan.graph, stack.book, budget_usd=stack.environment.budget.monthly_usd),
    )


def up(stack: OpenedStack) -> Update:
    """Deploy, and show the progress.

    Raises:
        PolicyDeniesError: a policy denies what the program declares; nothing was deployed.
        ToolchainError: an image of a node's pods cannot be made.
    """
    from stacks.graph.sources import from_program

    program = from_program(stack.environment)
    refuse_denied(check_policies(program, stack.environment, stack.book, stack.steps), stack.environment)
    images.ensure_for(program, stack.environment, stack.steps)
    return _deploy(stack.deployment, stack.steps)


def down(stack: OpenedStack) -> Update:
    """Remove what was deployed, and show the progress."""
    with stack.steps.step("remove") as step, _shown(stack.deployment, step):
        update = stack.deployment.down()
        step.note(changes(update.changes))
    return update


def refresh(stack: OpenedStack) -> Update:
    """Return what was changed outside Pulumi; the state is updated from the cluster."""
    with stack.steps.step("refresh") as step, _shown(stack.deployment, step):
        update = stack.deployment.refresh()
        step.note(changes(update.changes))
    return update


def land(environment: Environment, program: Graph, cluster: Cluster, space: Workspace, steps: Steps) -> Landed:
    """Deploy what the policies allow, and read back what is there; ``program`` is the graph that they have checked.

    Raises:
        StackError: the cluster or the deployment fails.
        ToolchainError: an image of a node's pods cannot be made.
    """
    from stacks.deployment import Deployment
    from stacks.graph import compare
    from stacks.graph.sources.live import from_cluster

    images.ensure_for(program, environment, steps)
    deployment = Deployment(environment, cluster=cluster, root=space.root)
    _deploy(deployment, steps)
    with steps.step("live graph") as step:
        deployed = deployment.graph()
        live = from_cluster(cluster, environment.name)
        difference = compare(program, deployed)
        differences = (
            *(f"added: {label}" for label in difference.added),
            *(f"missing: {label}" for label in difference.removed),
            *(f"changed: {label}: {', '.join(paths)}" for label, paths in difference.changed.items()),
        )
        step.note("as the program says" if not difference else f"{len(differences)} differences from the program")
    return Landed(deployed, live, differences, clusters.remarks(cluster))


def _deploy(deployment: Deployment, steps: Steps) -> Update:
    with steps.step("deploy") as step, _shown(deployment, step):
        update = deployment.up()
        step.note(changes(update.changes))
    return update


@contextmanager
def _shown(deployment: Deployment, step: Step) -> Iterator[None]:
    """Show on ``step`` the progress of an operation of ``deployment``."""

    def show(event: Event) -> None:
        step.update(event.done, event.total, event.label)

    deployment.on_event = show
    try:
        yield
    finally:
        deployment.on_event = None


def changes(counts: dict[str, int]) -> str:
    """Return ``41 create, 3 same``, or ``nothing to do``."""
    return ", ".join(f"{count} {operation}" for operation, count in sorted(counts.items()) if count) or "nothing to do"
