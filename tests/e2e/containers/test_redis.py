"""The key-value store that the stack names, in the image that a node would run: started, limited and restricted as its StatefulSet says."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from stacks.graph import SECRET
from stacks.graph.quantities import quantity
from tests.e2e.containers.deployed import STARTS_WITHIN_S, Deployed, environment, kill_and_start

pytestmark = pytest.mark.containers
READY = "Ready to accept connections"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return Deployed(environment("dev"), "redis", tmp_path_factory.mktemp("redis"))


@pytest.fixture(scope="module")
def redis(image: Callable[[str], str], deployed: Deployed) -> Iterator[DockerContainer]:
    running = deployed.container(image("redis"))
    with running.with_exposed_ports(6379).waiting_for(LogMessageWaitStrategy(READY).with_startup_timeout(STARTS_WITHIN_S)):
        yield running


def ask(container: DockerContainer, *words: str, password: str | None = SECRET) -> bytes:
    with socket.create_connection(("127.0.0.1", container.get_exposed_port(6379)), timeout=60) as connection:
        if password is not None:
            connection.sendall(request("AUTH", password))
            assert connection.recv(4096) == b"+OK\r\n"
        connection.sendall(request(*words))
        return connection.recv(4096)


def request(*words: str) -> bytes:
    return (f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)).encode()


def test_it_answers_on_its_mapped_loopback_port_and_only_with_the_password(redis: DockerContainer) -> None:
    assert redis.get_container_host_ip() in {"localhost", "127.0.0.1"}
    assert ask(redis, "PING") == b"+PONG\r\n"
    assert ask(redis, "PING", password=None).startswith(b"-NOAUTH")


def test_it_keeps_what_it_acknowledged_over_a_kill(redis: DockerContainer) -> None:
    assert ask(redis, "SET", "plan", "42") == b"+OK\r\n"
    kill_and_start(redis, READY)
    assert ask(redis, "GET", "plan") == b"$2\r\n42\r\n"


def test_it_evicts_before_it_reaches_the_limit_of_the_stack(redis: DockerContainer, deployed: Deployed) -> None:
    wrapped = redis.get_wrapped_container()
    wrapped.reload()
    limit = wrapped.attrs["HostConfig"]["Memory"]
    assert limit == quantity(deployed.settings["resources"]["limits"]["memory"])
    # A quarter is left for the copy that a snapshot or a new follower needs.
    assert setting(redis, "maxmemory") == str(limit * 3 // 4)
    assert setting(redis, "maxmemory-policy") == "allkeys-lru"


def setting(container: DockerContainer, name: str) -> str:
    """What the running server has for a setting: the second of the two texts of the answer."""
    return ask(container, "CONFIG", "GET", name).decode().split("\r\n")[-2]


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe"])
def test_the_probes_of_the_stack_find_it_well(redis: DockerContainer, deployed: Deployed, probe: str) -> None:
    assert redis.get_wrapped_container().exec_run(deployed.settings[probe]["exec"]["command"]).exit_code == 0
