"""Runs checks of an environment's deployed stack, one step each.

Rule 1: a check that fails, or cannot run, never keeps the next one from running.
Rule 2: drills are refused on clusters that Sandtable did not make.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandtable.errors import UsageError
from sandtable.jobs.verify.catalogue import chosen
from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, NotRunError, Outcome, Result
from sandtable.jobs.verify.ground import Ground
from sandtable.report.words.sentences import OUTCOMES
from stacks.errors import ClusterError

if TYPE_CHECKING:
    from sandtable.document.answers.verification import Verification
    from sandtable.terminal import Steps
    from sandtable.workspace import Workspace
    from stacks.clusters.port import Cluster
    from stacks.environment import Environment, StackSecret


def verify(name: str, names: Sequence[str], space: Workspace, steps: Steps, *, drills: bool = False) -> Verification:
    """Run the checks called ``names`` (none: all) on the stack of the environment called ``name``, and keep the result for its report.

    Raises:
        StackError: the environment is invalid, or its cluster cannot be reached.
        UsageError: a check is unknown, a drill was asked for on a cluster that others own, or the result cannot be written.
    """
    from sandtable.document.answers.verification import Verification
    from sandtable.document.writing import write
    from stacks.clusters import open_cluster
    from stacks.clusters.api import Api
    from stacks.environment.file import load
    from stacks.graph.sources import from_program

    environment = load(name, root=space.root)
    if drills and not environment.cluster.is_ours:
        raise UsageError(f"the cluster of {environment.name} is not ours: drills kill and fill things; run without --drills")
    checks = chosen(names, drills=drills)
    cluster = open_cluster(environment, space.root)
    status = cluster.status()
    if not status.running:
        raise ClusterError(f"the cluster of {environment.name} is not running: {status.note or f'`sandtable up {environment.name}`'}")
    ground = Ground(environment, from_program(environment), cluster, Api.of(cluster), _secrets_of(environment, cluster, space))
    with _closed(ground):
        results = tuple(_run(check, ground, steps) for check in checks)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found = Verification.of_results(results, environment=environment.name, digest=ground.graph.digest, at=at)
    write(space.verification(environment.name), found)
    return found


def listed(name: str, names: Sequence[str], space: Workspace) -> Verification:
    """Return the checks without running them.

    Raises:
        StackError: there is no such environment.
        UsageError: a check is unknown.
    """
    from sandtable.document.answers.verification import CheckedPart, Verification
    from stacks.environment.file import load

    checks = tuple(CheckedPart.listed(check) for check in chosen(names, drills=True))
    return Verification(environment=load(name, root=space.root).name, checks=checks)


def _secrets_of(environment: Environment, cluster: Cluster, space: Workspace) -> Callable[[StackSecret], str]:
    from stacks.deployment import Deployment
    from stacks.errors import StackError
    from toolchain import ToolchainError

    def secret(key: StackSecret) -> str:
        try:
            return Deployment(environment, cluster=cluster, root=space.root).secret(key)
        except (StackError, ToolchainError) as error:
            raise NotRunError(f"the stack's secret {key} cannot be read: {error}") from error

    return secret


@contextmanager
def _closed(ground: Ground) -> Iterator[None]:
    try:
        yield
    finally:
        ground.api.connection.rest_client.pool_manager.clear()


def _run(check: Check, ground: Ground, steps: Steps) -> Result:
    with steps.step(check.name) as step:
        begun = time.monotonic()
        outcome, text = outcome_of(check, ground)
        if outcome == "absent":
            step.skip(OUTCOMES[outcome].word)
        else:
            step.status = "done" if outcome == "passed" else "failed"
            step.note(OUTCOMES[outcome].word)
        return Result(check, outcome, text, time.monotonic() - begun)


def outcome_of(check: Check, ground: Ground) -> tuple[Outcome, str]:
    """Return what became of one check, and the sentence about it."""
    from urllib3.exceptions import HTTPError

    if check.needs_pods and ground.all_played:
        return "absent", "not in this environment: its pods are simulated"
    try:
        return "passed", check.run(ground)
    except CheckFailedError as error:
        return "failed", str(error)
    except NotHereError as error:
        return "absent", f"not in this environment: {error}"
    except (NotRunError, ClusterError, HTTPError, OSError) as error:
        return "unknown", f"could not run: {error}"
