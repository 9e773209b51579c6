"""The cluster that a stack is deployed to: confirmed if it is the user's own, started, and stopped again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

from foundation.processes.interrupts import held_interrupts
from sandtable.jobs.remarks import Remarks
from stacks.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandtable.terminal import Steps
    from stacks.clusters.port import Cluster
    from stacks.environment import Environment

#: What is real about a cluster, by provider.
_CONTROL_PLANE: Final = {
    "embedded": "The control plane that accepted every object: etcd, kube-apiserver, scheduler and controllers.",
    "node": "The control plane, and the node with its containers, network, limits and volumes.",
    "kubeconfig": "The cluster: the one of the context that you named.",
}
#: What KWOK simulates.
_PLAYED: Final[dict[str, tuple[str, ...]]] = {
    "embedded": ("Nodes and pods on the embedded cluster are simulated by KWOK; the control plane is real.",),
    "node": ("Nodes and pods of pools with GPUs are simulated by KWOK; all other pods run in containers.",),
    "kubeconfig": (),
}


def agree(environment: Environment, cluster: Cluster, *, confirmed: bool) -> None:
    """Show which cluster would be changed and ask, unless it is ours or the user has ``confirmed`` it.

    Raises:
        click.Abort: the answer is no, or nobody can answer (then pass --yes).
    """
    if confirmed or environment.cluster.is_ours:
        return
    status = cluster.status()
    typer.echo(f"This changes the cluster behind context {cluster.context!r} ({status.server}) of {cluster.kubeconfig}.", err=True)
    typer.confirm("Go on?", abort=True, err=True)


def start(cluster: Cluster, steps: Steps) -> None:
    """Start the cluster, or check that it runs; one of our own keeps running.

    Raises:
        StackError: it does not start, or cannot be reached.
    """
    with steps.step("cluster") as step:
        cluster.start()
        status = cluster.status()
        step.note(status.note or str(status.server))


@contextmanager
def stopped_afterwards(cluster: Cluster, steps: Steps, *, keep: bool = False) -> Iterator[None]:
    """Stop a cluster of our own at the end, unless it was running before or is to be kept."""
    status = cluster.status()
    try:
        yield
    finally:
        if status.is_ours and not status.running and not keep:
            _stop(cluster, steps)


def remarks(cluster: Cluster) -> Remarks:
    """Return what is real about the cluster, and what is simulated."""
    status = cluster.status()
    return Remarks(real=(_CONTROL_PLANE[status.provider],), simulated=_PLAYED[status.provider])


def _stop(cluster: Cluster, steps: Steps) -> None:
    with held_interrupts():  # a second Ctrl-C must not interrupt the few seconds of the shutdown
        try:
            cluster.stop()
        except (StackError, OSError) as error:
            steps.say(f"the cluster was not stopped: {error}")  # no reason to lose the results
