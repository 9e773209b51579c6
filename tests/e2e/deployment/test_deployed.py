"""What can be seen of dev once it is deployed. No test changes anything, so that all share one deployment."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from sandtable.jobs.stack.pulumi_cli import variables
from sandtable.workspace import Workspace
from stacks.clusters import Cluster
from stacks.deployment import Deployment
from stacks.environment.file import PROJECT, load
from stacks.errors import ConfigurationError, StateLockedError
from stacks.graph import Graph, labels
from stacks.graph.sources import from_preview

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[3]


def test_a_second_up_changes_nothing(deployed: Deployment, complete: Callable[[Deployment], None]) -> None:
    complete(deployed)
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


def test_pulumi_by_hand_sees_the_same_and_the_policy_pack_lets_it_pass(root: Path, deployed: Deployment, declared: Graph) -> None:
    for folder in ("stacks", "policies"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    environment = os.environ | variables(Workspace(root))

    def pulumi(*arguments: str) -> str:
        command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive", "--color=never"]
        done = subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True, text=True, timeout=400)
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
