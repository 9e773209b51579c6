"""The real program of dev through its life: killed, edited by hand, updated, moved to a new cluster, down, interrupted.

Every test begins with what it needs: ``up`` where the stack has to be there (it does nothing where it already is), ``down`` where it
must not be. In this order hardly anything of that is left to do.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from kubernetes import client

from stacks.clusters import Cluster, open_cluster
from stacks.deployment import Deployment
from stacks.environment.file import load
from stacks.errors import DeploymentError
from stacks.graph import Graph, labels
from stacks.graph.sources import from_program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[3]
ENGINES = "Deployment ai/ai-stack"

Eventually = Callable[[str, Callable[[], bool]], None]
Complete = Callable[[Deployment], None]
Disturbed = tuple[subprocess.Popen[bytes], list[psutil.Process]]
Live = Callable[[set[tuple[str, str]]], Counter[tuple[str, str, str, str]]]


@pytest.fixture(scope="module")
def root(new_root: Callable[..., Path]) -> Path:
    return new_root("dev")


@pytest.fixture(scope="module")
def made(root: Path, keep: Callable[[Cluster], None]) -> Cluster:
    found = open_cluster(load("dev", root=root), root)
    keep(found)
    return found


@pytest.fixture
def cluster(made: Cluster) -> Cluster:
    """The cluster, running: a test throws it away, and may not come to make it anew."""
    made.start()
    return made


@pytest.fixture
def deployment(root: Path, cluster: Cluster) -> Deployment:
    return Deployment(load("dev", root=root), cluster=cluster, root=root)


@pytest.fixture
def deployed(deployment: Deployment) -> Deployment:
    deployment.up()
    return deployment


def kinds(graph: Graph) -> set[tuple[str, str]]:
    return {resource.identity[:2] for resource in graph.objects()}


def recorded(deployment: Deployment) -> int:
    """Resources in the state of a run that is at work."""
    with suppress(DeploymentError):
        return len(deployment.export_state()["deployment"]["resources"])
    return 0


@pytest.fixture
def in_the_middle_of_up(root: Path, deployment: Deployment, eventually: Eventually) -> Iterator[Disturbed]:
    """Run `sandtable up dev` until 60 resources are recorded, a quarter; return it with its descendants."""
    deployment.down()
    command = [sys.executable, "-m", "sandtable", "-C", str(root), "up", "dev", "--json"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually("60 resources are there", lambda: process.poll() is not None or recorded(deployment) >= 60)
            assert process.poll() is None, "the run ended before it could be disturbed"
            yield process, psutil.Process(process.pid).children(recursive=True)
        finally:
            process.terminate()


def test_what_was_killed_in_the_middle_is_completed_by_the_next_up(
    deployment: Deployment, declared: Graph, complete: Complete, in_the_middle_of_up: Disturbed
) -> None:
    process, descendants = in_the_middle_of_up
    process.kill()
    killed = []
    for each in descendants:
        with suppress(psutil.NoSuchProcess):
            if each.name() == "pulumi":
                each.kill()
                killed.append(each)
    process.wait(180)
    psutil.wait_procs(killed, timeout=180)  # a killed process holds its lock until it has gone
    begun = recorded(deployment)
    assert begun < len(declared)
    update = deployment.up()
    complete(deployment)
    assert update.changes["same"] > 0, "what was recorded is not made again"
    assert psutil.wait_procs(descendants, timeout=180)[1] == [], "the plugins of the killed run have ended too"
    assert set(deployment.up().changes) == {"same"}


def test_refresh_names_what_was_edited_by_hand_and_up_puts_it_back(
    deployed: Deployment, declared: Graph, connection: Any, complete: Complete
) -> None:
    core, apps = client.CoreV1Api(connection), client.AppsV1Api(connection)
    settings = next(resource for resource in declared.objects() if resource.kind == "ConfigMap")
    gone = next(resource for resource in declared.objects() if resource.kind == "NetworkPolicy")
    place = (settings.object_name, settings.namespace)
    key = next(iter(core.read_namespaced_config_map(*place).data))
    core.patch_namespaced_config_map(*place, {"data": {key: "edited"}})
    apps.patch_namespaced_deployment("ai-stack", "ai", {"spec": {"replicas": 2}})
    client.NetworkingV1Api(connection).delete_namespaced_network_policy(gone.object_name, gone.namespace)

    seen = deployed.refresh(preview_only=True)
    found = deployed.refresh()

    expected = {(settings.label, "update"), (ENGINES, "update"), (gone.label, "delete")}
    assert {(step.label, step.operation) for step in found.steps} == expected
    assert {(step.label, step.operation) for step in seen.steps} == expected, "looking finds the same as bringing up to date"
    assert (found.changes["update"], found.changes["delete"]) == (2, 1)
    paths = {step.label: " ".join(step.paths) for step in found.steps}
    assert "replicas" in paths[ENGINES]
    assert key in paths[settings.label]

    back = deployed.up()
    assert {step.label for step in back.steps} == {label for label, _ in expected}
    assert core.read_namespaced_config_map(*place).data[key] != "edited"
    assert apps.read_namespaced_deployment("ai-stack", "ai").spec.replicas == 1
    complete(deployed)


def test_one_field_of_the_environment_changes_what_the_graph_says_and_nothing_else(
    root: Path, cluster: Cluster, deployed: Deployment, declared: Graph
) -> None:
    file = root / "Pulumi.dev.yaml"
    before = file.read_text()
    assert "replicas: 1\n    pool: laptop" in before
    try:
        file.write_text(before.replace("replicas: 1\n    pool: laptop", "replicas: 2\n    pool: laptop"))
        updated = Deployment(load("dev", root=root), cluster=cluster, root=root)
        target = {resource.identity: resource for resource in from_program(updated.environment).objects()}
        source = {resource.identity: resource for resource in declared.objects()}
        expected = {target[key].label for key in target if key not in source or target[key].inputs != source[key].inputs}
        assert ENGINES in expected
        plan = updated.preview()
        assert {step.label for step in plan.steps} == expected
        assert {step.operation for step in plan.steps} == {"update"}
        assert {step.label for step in updated.up().steps} == expected
    finally:
        file.write_text(before)


def test_on_a_cluster_that_was_thrown_away_and_made_anew_everything_is_there_again(
    cluster: Cluster, deployed: Deployment, complete: Complete
) -> None:
    cluster.delete()
    cluster.start()
    deployed.up()
    complete(deployed)
    assert set(deployed.up().changes) == {"same"}


def test_down_leaves_nothing_of_the_environment(
    deployed: Deployment, declared: Graph, connection: Any, live: Live, eventually: Eventually
) -> None:
    # Their lists cannot be read once their definitions are gone; with the definition goes every object of its kind.
    custom = {kind for kind in kinds(declared) if "." in kind[0].partition("/")[0] and not kind[0].partition("/")[0].endswith(".k8s.io")}
    deployed.down()
    assert live(kinds(declared) - custom) == Counter()
    core = client.CoreV1Api(connection)
    eventually("no pod is left", lambda: not core.list_pod_for_all_namespaces(label_selector=f"{labels.ENVIRONMENT}=dev").items)
    assert len(deployed.graph()) == 0


def test_interrupted_it_ends_in_order_and_the_next_up_completes(
    deployment: Deployment, declared: Graph, complete: Complete, in_the_middle_of_up: Disturbed
) -> None:
    process, descendants = in_the_middle_of_up
    process.send_signal(signal.SIGINT)
    assert process.wait(180) == 130
    _, alive = psutil.wait_procs(descendants, 180)
    assert alive == []
    assert not list(deployment.state_folder.glob(".pulumi/locks/**/*.json")), "the lock is released"
    state = deployment.export_state()["deployment"]
    assert not state.get("pending_operations")
    assert 60 <= len(state["resources"]) < len(declared)
    deployment.up()
    complete(deployment)
