"""The key-value store that the stack names, in a container built here and limited as the stack limits it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from stacks.environment_file import load
from stacks.graph import Resource
from stacks.sources import from_program

pytestmark = [
    pytest.mark.containers,
    # testcontainers leaves its connections to the daemon to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).parents[3]
COMMAND = '["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--appendonly", "yes", "--dir", "/tmp"]'


@pytest.fixture(scope="module")
def store() -> Resource:
    graph = from_program(load("staging", root=ROOT))
    stores = [r for r in graph.objects("StatefulSet") if any("redis" in container["image"] for container in r.containers())]
    assert stores, "staging names a redis store"
    return stores[0]


@pytest.fixture(scope="module")
def redis(debian_image: Callable[..., str], store: Resource) -> Iterator[DockerContainer]:
    container = next(c for c in store.containers() if "redis" in c["image"])
    limit = container["resources"]["limits"]["memory"].replace("Mi", "m").replace("Gi", "g")
    image = debian_image("redis", ("redis-server",), COMMAND)
    running = DockerContainer(image, mem_limit=limit).with_exposed_ports(6379)
    with running.waiting_for(LogMessageWaitStrategy("Ready to accept connections").with_startup_timeout(30)):
        yield running


def ask(container: DockerContainer, *words: str) -> bytes:
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", container.get_exposed_port(6379)), timeout=10) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096)


def test_it_answers_on_its_mapped_loopback_port(redis: DockerContainer) -> None:
    assert redis.get_container_host_ip() in {"localhost", "127.0.0.1"}
    assert ask(redis, "PING") == b"+PONG\r\n"


def test_it_keeps_what_it_acknowledged_over_a_kill(redis: DockerContainer) -> None:
    assert ask(redis, "SET", "plan", "42") == b"+OK\r\n"
    wrapped = redis.get_wrapped_container()
    wrapped.kill()
    wrapped.start()
    LogMessageWaitStrategy("Ready to accept connections").with_startup_timeout(30).wait_until_ready(redis)
    assert ask(redis, "GET", "plan") == b"$2\r\n42\r\n"


def test_it_runs_within_the_limit_of_the_stack(redis: DockerContainer, store: Resource) -> None:
    wrapped = redis.get_wrapped_container()
    wrapped.reload()
    assert wrapped.attrs["HostConfig"]["Memory"] > 0
    assert b"maxmemory" in ask(redis, "CONFIG", "GET", "maxmemory")
