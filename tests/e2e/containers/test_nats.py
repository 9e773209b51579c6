"""The message bus that the stack names, in the image that a node would run, as its StatefulSet starts it: one server, with JetStream."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import IO, Any

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.e2e.containers.deployed import STARTS_WITHIN_S, Deployed, environment, kill_and_start

pytestmark = pytest.mark.containers
READY = "Server is ready"
INBOX = "_INBOX.test"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return Deployed(environment("prod", messaging={"replicas": 1}), "nats", tmp_path_factory.mktemp("nats"))


@pytest.fixture(scope="module")
def nats(image: Callable[[str], str], deployed: Deployed) -> Iterator[DockerContainer]:
    running = deployed.container(image("nats")).with_exposed_ports(4222, 8222)
    with running.waiting_for(LogMessageWaitStrategy(READY).with_startup_timeout(STARTS_WITHIN_S)):
        yield running


def request(container: DockerContainer, subject: str, content: str) -> Any:
    """Ask over NATS' own protocol, and return the answer, a JSON document."""
    with socket.create_connection(("127.0.0.1", container.get_exposed_port(4222)), timeout=60) as connection:
        words = f'CONNECT {{"verbose":false}}\r\nSUB {INBOX} 1\r\nPUB {subject} {INBOX} {len(content)}\r\n{content}\r\n'
        connection.sendall(words.encode())
        with connection.makefile("rb") as answers:
            return json.loads(message(answers))


def message(answers: IO[bytes]) -> bytes:
    """The first message that comes, behind the server's greetings."""
    while line := answers.readline():
        assert not line.startswith(b"-ERR"), line
        if line.startswith(b"MSG "):
            return answers.read(int(line.split()[-1]))
    pytest.fail("the server has closed the connection")


def test_it_keeps_every_acknowledged_message_over_a_kill(nats: DockerContainer) -> None:
    name = f"PLANS{time.monotonic_ns()}"  # another one for a second try
    stream = {"name": name, "subjects": [f"{name}.*"], "storage": "file"}
    created = request(nats, f"$JS.API.STREAM.CREATE.{name}", json.dumps(stream))
    assert "error" not in created
    acknowledged = [request(nats, f"{name}.a", f"message {number}")["seq"] for number in range(20)]
    assert acknowledged == list(range(1, 21))
    kill_and_start(nats, READY)
    assert request(nats, f"$JS.API.STREAM.INFO.{name}", "")["state"]["messages"] == 20


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_the_probes_of_the_stack_find_it_well(nats: DockerContainer, deployed: Deployed, probe: str) -> None:
    address = f"http://127.0.0.1:{nats.get_exposed_port(8222)}{deployed.settings[probe]['httpGet']['path']}"
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert json.load(answer) == {"status": "ok"}
