"""The real program of dev through its life: up, edited by hand, updated, killed, interrupted, locked, down.

Every test begins with what it needs: ``up`` where the stack has to be there (it does nothing where it already is), ``down`` where it
must not be.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient

from sandtable.jobs.stack.pulumi_cli import variables
from sandtable.workspace import Workspace
from stacks.clusters import Cluster, open_cluster
from stacks.deployment import Deployment
from stacks.environment.file import PROJECT, load
from stacks.errors import ConfigurationError, DeploymentError, StateLockedError
from stacks.graph import Graph, labels
from stacks.graph.sources import from_preview, from_program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
ENGINES = "Deployment ai/ai-stack"

Eventually = Callable[[str, Callable[[], bool]], None]
Identity = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def cluster(root: Path) -> Iterator[Cluster]:
    found = open_cluster(load("dev", root=root), root)
    found.start()
    yield found
    found.delete()


@pytest.fixture
def deployment(root: Path, cluster: Cluster) -> Deployment:
    return Deployment(load("dev", root=root), cluster=cluster, root=root)


@pytest.fixture
def deployed(deployment: Deployment) -> Deployment:
    deployment.up()
    return deployment


def connect(cluster: Cluster) -> Any:
    return config.new_client_from_config(str(cluster.kubeconfig), cluster.context)


@pytest.fixture
def connection(cluster: Cluster) -> Any:
    return connect(cluster)


@pytest.fixture
def declared(deployment: Deployment) -> Graph:
    return from_program(deployment.environment)


class Live:
    """What the API server says is there."""

    def __init__(self, connection: Any) -> None:
        self._client = DynamicClient(connection)

    def __call__(self, kinds: set[tuple[str, str]]) -> Counter[Identity]:
        """Count the objects of these kinds that carry the environment's label and were not made by a controller."""
        found: Counter[Identity] = Counter()
        for version, kind in kinds:
            for item in self._client.resources.get(api_version=version, kind=kind).get(label_selector=f"{labels.ENVIRONMENT}=dev").items:
                if not item.metadata.ownerReferences:
                    found[version, kind, item.metadata.namespace or "", item.metadata.name] += 1
        return found


def kinds(graph: Graph) -> set[tuple[str, str]]:
    return {resource.identity[:2] for resource in graph.objects()}


def complete(deployment: Deployment, declared: Graph, connection: Any) -> None:
    """The objects of the program are there, once each, and the state knows them."""
    assert Live(connection)(kinds(declared)) == Counter(resource.identity for resource in declared.objects())
    assert deployment.graph().digest == declared.digest
    assert not deployment.export_state()["deployment"].get("pending_operations")


def recorded(deployment: Deployment) -> int:
    """Resources in the state of a run that is at work."""
    with suppress(DeploymentError):
        return len(deployment.export_state()["deployment"]["resources"])
    return 0


def in_the_middle_of_up(deployment: Deployment, root: Path, eventually: Eventually) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    """Start `sandtable up dev`, and return it with its descendants once a third of the resources is recorded."""
    command = [sys.executable, "-m", "sandtable", "-C", str(root), "up", "dev", "--json"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually("60 resources are there", lambda: process.poll() is not None or recorded(deployment) >= 60)
    assert process.poll() is None, "the run ended before it could be disturbed"
    return process, psutil.Process(process.pid).children(recursive=True)


def test_a_second_up_changes_nothing(deployed: Deployment, declared: Graph, connection: Any) -> None:
    complete(deployed, declared, connection)
    again = deployed.up()
    assert set(again.changes) == {"same"}
    assert again.steps == ()


def test_program_state_and_preview_are_the_same_graph(deployed: Deployment, declared: Graph) -> None:
    assert deployed.preview().graph.digest == deployed.graph().digest == declared.digest


def test_everything_that_runs_is_rolled_out(deployed: Deployment, connection: Any) -> None:
    """Up waits: right after it no replica is missing."""
    apps = client.AppsV1Api(connection)
    found = [*apps.list_deployment_for_all_namespaces().items, *apps.list_stateful_set_for_all_namespaces().items]
    assert found
    assert [item.metadata.name for item in found if (item.status.ready_replicas or 0) != item.spec.replicas] == []


def test_refresh_names_what_was_edited_by_hand_and_up_puts_it_back(deployed: Deployment, declared: Graph, connection: Any) -> None:
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
    complete(deployed, declared, connection)


def test_pulumi_by_hand_sees_the_same_and_the_policy_pack_lets_it_pass(root: Path, deployed: Deployment, declared: Graph) -> None:
    for folder in ("stacks", "policies"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | variables(Workspace(root))

    def pulumi(*arguments: str) -> str:
        command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive", "--color=never"]
        done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert f"{len(declared) + 1} unchanged" in pulumi("up", "--yes", "--skip-preview")
    judged = pulumi("preview", "--policy-pack", "policies/crossguard")
    assert "[mandatory]" not in judged
    assert "sandtable@" in judged
    plan = json.loads(pulumi("preview", "--json", "--show-sames"))
    assert from_preview(plan).digest == declared.digest
    with pytest.raises(ConfigurationError, match=f"leaves out {len(declared)} resources"):
        from_preview(json.loads(pulumi("preview", "--json")))


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


def test_what_was_killed_in_the_middle_is_completed_by_the_next_up(
    root: Path, deployment: Deployment, declared: Graph, connection: Any, eventually: Eventually
) -> None:
    deployment.down()
    process, descendants = in_the_middle_of_up(deployment, root, eventually)
    process.kill()
    killed = []
    for each in descendants:
        with suppress(psutil.NoSuchProcess):
            if each.name() == "pulumi":
                each.kill()
                killed.append(each)
    process.wait(30)
    psutil.wait_procs(killed, timeout=30)  # a killed process holds its lock until it has gone
    begun = recorded(deployment)
    assert begun < len(declared)
    update = deployment.up()
    complete(deployment, declared, connection)
    assert update.changes["same"] > 0, "what was recorded is not made again"
    assert not [each for each in descendants if each.is_running()], "the plugins of the killed run have ended too"
    assert set(deployment.up().changes) == {"same"}


def test_interrupted_it_ends_in_order_and_the_next_up_completes(
    root: Path, deployment: Deployment, declared: Graph, connection: Any, eventually: Eventually
) -> None:
    deployment.down()
    process, descendants = in_the_middle_of_up(deployment, root, eventually)
    process.send_signal(signal.SIGINT)
    assert process.wait(180) == 130
    _, alive = psutil.wait_procs(descendants, 10)
    assert alive == []
    assert not list(deployment.state_folder.glob(".pulumi/locks/**/*.json")), "the lock is released"
    state = deployment.export_state()["deployment"]
    assert not state.get("pending_operations")
    assert 60 <= len(state["resources"]) < len(declared)
    deployment.up()
    complete(deployment, declared, connection)


class TestLocks:
    @pytest.fixture
    def lock(self, deployed: Deployment) -> Iterator[Callable[[int], Path]]:
        """Return a function that locks the state as a run with that pid does."""
        folder = deployed.state_folder / ".pulumi" / "locks" / "organization" / PROJECT / "dev"
        path = folder / "11111111-2222-3333-4444-555555555555.json"

        def make(pid: int) -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            now = dt.datetime.now(dt.UTC).isoformat()
            content = {"pid": pid, "username": "ann", "hostname": socket.gethostname(), "timestamp": now}
            path.write_text(json.dumps(content))
            return path

        yield make
        path.unlink(missing_ok=True)

    def test_a_run_that_is_at_work_is_named(self, deployed: Deployment, lock: Callable[[int], Path]) -> None:
        with subprocess.Popen(["sleep", "600"], start_new_session=True) as other:
            try:
                lock(other.pid)
                with pytest.raises(StateLockedError, match=f"pid {other.pid} of ann on {socket.gethostname()} since 20"):
                    deployed.up()
                with pytest.raises(StateLockedError):
                    deployed.down()
                assert other.poll() is None, "a run at work is left alone"
            finally:
                other.kill()

    def test_the_lock_of_a_run_that_ended_is_released(self, deployed: Deployment, lock: Callable[[int], Path]) -> None:
        with subprocess.Popen(["true"]) as ended:
            pass
        path = lock(ended.pid)
        assert set(deployed.up().changes) == {"same"}
        assert not path.exists()


def test_a_wrong_passphrase_is_a_fault_of_the_configuration(
    root: Path, cluster: Cluster, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "wrong")
    for attempt in ("preview", "up"):
        again = Deployment(load("dev", root=root), cluster=cluster, root=root)
        with pytest.raises(ConfigurationError, match=r"passphrase.*Pulumi\.dev\.yaml"):
            getattr(again, attempt)()
    assert not list(deployed.state_folder.glob(".pulumi/locks/**/*.json"))


def test_the_users_file_is_never_written(root: Path, deployed: Deployment) -> None:
    assert (root / "Pulumi.dev.yaml").read_bytes() == (REPOSITORY / "Pulumi.dev.yaml").read_bytes()


def test_secrets_are_in_no_file_in_the_clear(root: Path, deployed: Deployment, connection: Any) -> None:
    """Not in the state, its backups, or the copy of the configuration; the cluster has the real values."""
    settings = yaml.safe_load((root / "Pulumi.dev.yaml").read_text())["config"]
    assert any("secure" in value for value in settings.values() if isinstance(value, dict))
    found = client.CoreV1Api(connection).list_secret_for_all_namespaces(label_selector=f"{labels.ENVIRONMENT}=dev").items
    values = {value for secret in found for value in (secret.data or {}).values() if len(value) >= 16}
    assert values
    for folder in (deployed.state_folder, root / ".sandtable" / "pulumi"):
        for path in folder.rglob("*"):
            text = path.read_text(errors="replace") if path.is_file() else ""
            assert not [value for value in values if value in text], path


def test_on_a_cluster_that_was_thrown_away_and_made_anew_everything_is_there_again(
    cluster: Cluster, deployed: Deployment, declared: Graph
) -> None:
    cluster.delete()
    cluster.start()
    deployed.up()
    complete(deployed, declared, connect(cluster))
    assert set(deployed.up().changes) == {"same"}


def test_down_leaves_nothing_of_the_environment(deployed: Deployment, declared: Graph, connection: Any, eventually: Eventually) -> None:
    # Their lists cannot be read once their definitions are gone; with the definition goes every object of its kind.
    custom = {kind for kind in kinds(declared) if "." in kind[0].partition("/")[0] and not kind[0].partition("/")[0].endswith(".k8s.io")}
    deployed.down()
    live = Live(connection)
    assert live(kinds(declared) - custom) == Counter()
    core = client.CoreV1Api(connection)
    eventually("no pod is left", lambda: not core.list_pod_for_all_namespaces(label_selector=f"{labels.ENVIRONMENT}=dev").items)
    assert len(deployed.graph()) == 0
