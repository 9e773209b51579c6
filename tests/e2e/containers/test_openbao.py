"""The secrets engine of the stack in the image that a node would run, with its configuration, seal and rights.

Left out: Kubernetes, which it tells of its state, and SPIRE; the certificates are made here.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.container import DockerContainer

from stacks.clusters.embedded.certificates import Authority
from tests.e2e.containers.deployed import Deployed, environment

pytestmark = pytest.mark.containers
#: 32 bytes that may stand in a text file.
SEAL = "0123456789abcdefghijklmnopqrstuv"
CANARY = "a-secret-that-must-not-be-in-the-audit-log"


class OpenBao:
    """The running server, and its interface as an operator sees it."""

    def __init__(self, container: DockerContainer, authority: Path) -> None:
        self.container = container
        self._context = ssl.create_default_context(cafile=str(authority))
        self.token = ""

    def ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> tuple[int, Any]:
        address = f"https://127.0.0.1:{self.container.get_exposed_port(8200)}/v1/{path}"
        body = json.dumps(content).encode() if content is not None else None
        asked = urllib.request.Request(address, body, {"X-Vault-Token": self.token}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=60, context=self._context) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def wait(self, what: str, happened: Callable[[Any], bool]) -> None:
        """Wait until the seal's status is as wanted; the server may not answer yet."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            with suppress(OSError):
                if happened(self.ask("GET", "sys/seal-status")[1]):
                    return
            time.sleep(0.1)
        pytest.fail(f"{what}: not within four minutes; it wrote:\n{self.container.get_wrapped_container().logs().decode()[-2000:]}")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return Deployed(environment("prod", secrets={"replicas": 1}), "vault", tmp_path_factory.mktemp("openbao"))


@pytest.fixture(scope="module")
def openbao(image: Callable[[str], str], deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    made = tmp_path_factory.mktemp("certificates")
    Authority.make("ca", made).issue(made, "server", "vault", addresses=("127.0.0.1",))
    tls = {"svid.pem": made / "server.crt", "svid_key.pem": made / "server.key", "bundle.pem": made / "ca.crt"}
    config = deployed.graph.find("ConfigMap", "vault-config", deployed.resource.namespace)
    assert config is not None
    running = deployed.container(
        image("openbao"),
        tls={name: path.read_text(encoding="ascii") for name, path in tls.items()},
        seal={"current.key": SEAL},
        config={"server.hcl": config.inputs["data"]["server.hcl"].replace('service_registration "kubernetes" {}', "")},
    )
    with running.with_exposed_ports(8200):
        server = OpenBao(running, made / "ca.crt")
        server.wait("the first answer", lambda status: "initialized" in status)
        code, initialised = server.ask("POST", "sys/init", {"recovery_shares": 0, "recovery_threshold": 0})
        assert code == 200, initialised
        server.token = initialised["root_token"]
        server.wait("the seal to open itself", lambda status: not status["sealed"])
        server.wait("a leader", lambda _status: server.ask("GET", "sys/leader")[1].get("is_self", False))
        assert server.ask("POST", "sys/mounts/kv", {"type": "kv"})[0] == 204
        yield server


def test_its_readiness_is_that_of_the_stack(openbao: OpenBao, deployed: Deployed) -> None:
    probe = deployed.settings["readinessProbe"]["httpGet"]
    assert probe["scheme"] == "HTTPS"
    assert openbao.ask("GET", probe["path"].removeprefix("/v1/"))[0] == 200


def test_every_request_is_audited_and_a_secret_never_in_clear(openbao: OpenBao) -> None:
    path = f"kv/canary-{time.monotonic_ns()}"  # another one for a second try
    assert openbao.ask("POST", path, {"value": CANARY})[0] == 204
    assert openbao.ask("GET", path)[1]["data"] == {"value": CANARY}
    log = openbao.container.get_wrapped_container().exec_run(["cat", "/vault/audit/audit.log"]).output.decode()
    assert [json.loads(line)["request"]["operation"] for line in log.splitlines() if f'"{path}"' in line] == [
        "create",
        "create",
        "read",
        "read",
    ]
    assert CANARY not in log


def test_it_refuses_whoever_has_no_token(openbao: OpenBao) -> None:
    token, openbao.token = openbao.token, ""
    try:
        assert openbao.ask("GET", "kv/canary")[0] == 403
    finally:
        openbao.token = token


def test_after_a_kill_it_unseals_itself_and_has_every_secret(openbao: OpenBao) -> None:
    assert openbao.ask("POST", "kv/kept", {"value": "42"})[0] == 204
    wrapped = openbao.container.get_wrapped_container()
    wrapped.kill()
    wrapped.start()
    openbao.wait("the seal to open itself again", lambda status: not status["sealed"])
    openbao.wait("a leader", lambda _status: openbao.ask("GET", "sys/leader")[1].get("is_self", False))
    assert openbao.ask("GET", "kv/kept")[1]["data"] == {"value": "42"}
