"""An environment and the cluster it lands on, ready to be previewed, deployed, compared and removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from sandtable.errors import PolicyDeniesError
from sandtable.terminal import Steps
from sandtable.toolchain_progress import ensure, needed_for
from sandtable.workspace import Workspace

if TYPE_CHECKING:
    from sandtable.document.answers.deployment import Drift, Plan
    from stacks.clusters.port import Cluster
    from stacks.deployment import Deployment, Event, Update
    from stacks.environment import Environment
    from stacks.pricing.prices import PriceBook


@dataclass(frozen=True)
class Target:
    """An environment on its cluster; the cluster runs, and the user has agreed that it may be changed."""

    environment: Environment
    space: Workspace
    cluster: Cluster
    deployment: Deployment
    book: PriceBook
    steps: Steps

    @classmethod
    def open(cls, name: str, space: Workspace, *, confirmed: bool, quiet: bool) -> Target:
        """Read the environment, get the tools, ask about a cluster that is not ours, and start one that is.

        Raises:
            StackError: the environment or the cluster is not as it must be.
            ToolchainError: a server or tool is missing and cannot be had.
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
        steps = Steps(quiet=quiet)
        cluster = open_cluster(environment, space.root)
        if not confirmed and environment.cluster.provider == "kubeconfig":
            confirm(cluster)
        ensure(needed_for(environment), steps)
        with steps.step("cluster") as step:
            cluster.start()
            step.note(cluster.status().note or str(cluster.status().server))
        return cls(environment, space, cluster, Deployment(environment, cluster=cluster, root=space.root), book, steps)

    def preview(self) -> Plan:
        """Return the plan with its cost before and after and its policy findings."""
        import policies
        from sandtable.document.answers.deployment import Plan
        from sandtable.document.parts.cost import PlannedCost
        from stacks.pricing.costs import monthly_cost

        with self.steps.step("preview") as step, self._events(step):
            plan = self.deployment.preview()
            step.note(f"{len(plan.graph)} resources")
        before = self.deployment.graph()
        after = monthly_cost(plan.graph, self.book, budget_usd=self.environment.budget.monthly_usd)
        return Plan.of(
            plan,
            environment=self.environment.name,
            resources=len(plan.graph),
            digest=plan.graph.digest,
            cost=PlannedCost.of(after, before_monthly_usd=monthly_cost(before, self.book).monthly_usd),
            policies=policies.check(plan.graph, self.environment, self.book),
        )

    def up(self) -> Update:
        """Deploy, and show how far it is.

        Raises:
            PolicyDeniesError: a policy denies what the program declares; nothing was deployed.
        """
        self._judge()
        with self.steps.step("deploy") as step, self._events(step):
            update = self.deployment.up()
            step.note(changes(update.changes))
        return update

    def _judge(self) -> None:
        import policies
        from stacks.graph.sources import from_program

        with self.steps.step("policies") as step:
            findings = policies.check(from_program(self.environment), self.environment, self.book)
            step.note(policies.counted(findings))
        if denied := [str(finding) for finding in findings if finding.denies]:
            how = f"`sandtable check {self.environment.name}` tells how to mend it"
            raise PolicyDeniesError("\n".join([f"nothing was deployed, because a policy denies; {how}", *denied]))

    def down(self) -> Update:
        """Remove what was deployed, and show how far it is."""
        with self.steps.step("remove") as step, self._events(step):
            update = self.deployment.down()
            step.note(changes(update.changes))
        return update

    def drift(self) -> Drift:
        """Return what was changed behind Pulumi's back; the state is brought up to date with the cluster."""
        from sandtable.document.answers.deployment import Drift

        with self.steps.step("refresh") as step, self._events(step):
            found = self.deployment.refresh()
            step.note(changes(found.changes))
        return Drift.of(found)

    @contextmanager
    def _events(self, step: Any) -> Iterator[None]:
        def show(event: Event) -> None:
            step.update(event.done, event.total, event.label)

        self.deployment.on_event = show
        try:
            yield
        finally:
            self.deployment.on_event = None


def confirm(cluster: Cluster) -> None:
    """Show whose cluster would be changed, and ask.

    Raises:
        click.Abort: the answer is no, or nobody is there to answer (then give --yes).
    """
    status = cluster.status()
    typer.echo(f"This changes the cluster behind context {cluster.context!r} ({status.server}) of {cluster.kubeconfig}.", err=True)
    typer.confirm("Go on?", abort=True, err=True)


def changes(counts: dict[str, int]) -> str:
    """Return ``41 create, 3 same``; ``nothing to do`` where there is nothing at all."""
    return ", ".join(f"{count} {operation}" for operation, count in sorted(counts.items()) if count) or "nothing to do"
