"""The relational store that the stack names, in the image that a node would run, as its StatefulSet starts it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from stacks.graph import SECRET
from tests.e2e.containers.deployed import STARTS_WITHIN_S, Deployed, environment, kill_and_start

pytestmark = pytest.mark.containers
READY = "database system is ready to accept connections"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return Deployed(environment("prod"), "postgresql", tmp_path_factory.mktemp("postgresql"))


@pytest.fixture(scope="module")
def postgresql(image: Callable[[str], str], deployed: Deployed) -> Iterator[DockerContainer]:
    running = deployed.container(image("postgresql"))
    with running.waiting_for(LogMessageWaitStrategy(READY).with_startup_timeout(STARTS_WITHIN_S)):
        yield running


def query(container: DockerContainer, sql: str, *, password: str = SECRET, host: str = "127.0.0.1") -> tuple[int, str]:
    command = ["psql", "-h", host, "-U", "postgres", "-Atqc", sql]
    ended = container.get_wrapped_container().exec_run(command, environment={"PGPASSWORD": password})
    return ended.exit_code, ended.output.decode().strip()


def test_a_new_volume_gets_a_database_that_only_the_password_opens(postgresql: DockerContainer) -> None:
    assert query(postgresql, "SHOW password_encryption") == (0, "scram-sha-256")
    code, told = query(postgresql, "SELECT 1", password="wrong")
    assert code != 0
    assert "password authentication failed" in told


def test_it_runs_with_the_settings_of_the_stack(postgresql: DockerContainer) -> None:
    assert query(postgresql, "SHOW wal_level") == (0, "replica")
    assert query(postgresql, "SHOW hba_file") == (0, "/scripts/hba.conf")
    assert query(postgresql, "SHOW server_version")[1].startswith("17.")


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe"])
def test_the_probes_of_the_stack_find_it_well(postgresql: DockerContainer, deployed: Deployed, probe: str) -> None:
    assert postgresql.get_wrapped_container().exec_run(deployed.settings[probe]["exec"]["command"]).exit_code == 0


def test_it_keeps_what_it_committed_over_a_kill(postgresql: DockerContainer) -> None:
    plans = f"plans_{time.monotonic_ns()}"  # another one for a second try
    assert query(postgresql, f"CREATE TABLE {plans} (answer int); INSERT INTO {plans} VALUES (42)") == (0, "")
    kill_and_start(postgresql, READY)
    assert query(postgresql, f"SELECT answer FROM {plans}") == (0, "42")
