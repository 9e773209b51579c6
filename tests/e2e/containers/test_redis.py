"""The key-value store that the stack names, in a container built here: started, limited and restricted as its StatefulSet says.

The version is Debian's, so that what is tested are the stack's arguments, limits and probes, not its image.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from stacks.environment.file import load
from stacks.graph import SECRET, Resource
from stacks.graph.quantities import quantity
from stacks.graph.sources import from_program

pytestmark = pytest.mark.containers
ROOT = Path(__file__).parents[3]
READY = "Ready to accept connections"


@pytest.fixture(scope="module")
def store() -> Resource:
    graph = from_program(load("dev", root=ROOT))
    stores = [r for r in graph.objects("StatefulSet") if any("redis" in container["image"] for container in r.containers())]
    assert stores, "dev names a redis store"
    return stores[0]


@pytest.fixture(scope="module")
def settings(store: Resource) -> Any:
    return next(container for container in store.containers() if "redis" in container["image"])


@pytest.fixture(scope="module")
def redis(
    debian_image: Callable[..., str], store: Resource, settings: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerContainer]:
    security = settings["securityContext"]
    running = DockerContainer(
        debian_image("redis", ("redis-server", "dash", "grep"), '["redis-server"]'),
        mem_limit=int(quantity(settings["resources"]["limits"]["memory"])),
        user=str(security["runAsUser"]),
        read_only=security["readOnlyRootFilesystem"],
        cap_drop=security["capabilities"]["drop"],
    )
    for variable in settings["env"]:
        # The password is the mark that stands in the secret's place; the other one is the pod's name, here that of the first pod.
        running.with_env(variable["name"], SECRET if "secretKeyRef" in variable["valueFrom"] else f"{store.object_name}-0")
    (mount,) = settings["volumeMounts"]
    data = tmp_path_factory.mktemp("redis")
    data.chmod(0o777)  # the container's user is none of this machine
    running.with_volume_mapping(data, mount["mountPath"], "rw").with_command([*settings["command"], *settings["args"]])
    with running.with_exposed_ports(6379).waiting_for(LogMessageWaitStrategy(READY).with_startup_timeout(30)):
        yield running


def ask(container: DockerContainer, *words: str, password: str | None = SECRET) -> bytes:
    with socket.create_connection(("127.0.0.1", container.get_exposed_port(6379)), timeout=10) as connection:
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
    wrapped = redis.get_wrapped_container()
    wrapped.kill()
    wrapped.start()
    # The log of the first start is still there.
    LogMessageWaitStrategy(re.compile(f"{READY}.*{READY}", re.DOTALL)).with_startup_timeout(30).wait_until_ready(redis)
    assert ask(redis, "GET", "plan") == b"$2\r\n42\r\n"


def test_it_evicts_before_it_reaches_the_limit_of_the_stack(redis: DockerContainer, settings: Any) -> None:
    wrapped = redis.get_wrapped_container()
    wrapped.reload()
    limit = wrapped.attrs["HostConfig"]["Memory"]
    assert limit == quantity(settings["resources"]["limits"]["memory"])
    # A quarter is left for the copy that a snapshot or a new follower needs.
    assert setting(redis, "maxmemory") == str(limit * 3 // 4)
    assert setting(redis, "maxmemory-policy") == "allkeys-lru"


def setting(container: DockerContainer, name: str) -> str:
    """What the running server has for a setting: the second of the two texts of the answer."""
    return ask(container, "CONFIG", "GET", name).decode().split("\r\n")[-2]


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe"])
def test_the_probes_of_the_stack_find_it_well(redis: DockerContainer, settings: Any, probe: str) -> None:
    assert redis.get_wrapped_container().exec_run(settings[probe]["exec"]["command"]).exit_code == 0
