"""The gateway of dev as the stack deploys it: its own arguments, configuration and keys; only addresses and folders are this machine's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.processes.free_port import free_port
from stacks.components.workloads.gateway_configuration import DIGEST_FILE, EMULATED_KEY_FILE, KEYS, LEDGER
from stacks.environment.file import load
from stacks.graph import Graph
from stacks.graph.sources import from_program
from tests.gateway.client import ask
from tests.gateway.conftest import KEY, attempts_on, started
from tests.gateway.test_operations import get, until
from workloads.emulator.spec import EmulatorSpec
from workloads.gateway.configuration.loading import digest_of
from workloads.gateway.spec import GatewaySpec

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return from_program(load("dev", root=ROOT))


def arguments(graph: Graph, name: str) -> list[str]:
    deployment = graph.find("Deployment", name, "ai")
    assert deployment is not None
    (container,) = deployment.containers()
    return list(container["args"])


class Deployed:
    """Emulator and gateway as processes; no engine answers."""

    def __init__(self, graph: Graph, folder: Path) -> None:
        keys, ledger = folder / "keys", folder / "ledger"
        keys.mkdir()
        (keys / DIGEST_FILE).write_text(digest_of(KEY))
        (keys / EMULATED_KEY_FILE).write_text("emulated")
        spec = EmulatorSpec.from_args(arguments(graph, "emulator"))
        port = free_port()
        self.emulator = f"http://127.0.0.1:{port}"
        self.children = [started("workloads.emulator", [f"--profile={spec.profile}", f"--seed={spec.seed}"], port, folder / "emulator.log")]
        config_map = graph.find("ConfigMap", "gateway", "ai")
        assert config_map is not None
        name = Path(GatewaySpec.from_args(arguments(graph, "gateway")).config).name
        text = str(config_map.inputs["data"][name])
        for there, here in (
            (f"http://emulator.ai.svc:{spec.port}", self.emulator),
            ("http://ai-stack.ai.svc:8080", f"http://127.0.0.1:{free_port()}"),
            (KEYS, str(keys)),
            (LEDGER, str(ledger)),
        ):
            assert there in text
            text = text.replace(there, here)
        (folder / name).write_text(text)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.ledger = ledger / "ledger.jsonl"
        self.keys = keys
        self.log = folder / "gateway.log"
        self.children.append(started("workloads.gateway", [f"--config={folder / name}"], port, self.log))


@pytest.fixture
def deployed(graph: Graph, tmp_path: Path) -> Iterator[Deployed]:
    running = Deployed(graph, tmp_path)
    yield running
    for child in reversed(running.children):
        child.__exit__(None, None, None)
    assert "Traceback" not in running.log.read_text()


def test_every_route_is_served_and_what_the_engine_cannot_falls_back(deployed: Deployed) -> None:
    assert get(f"{deployed.url}/readyz")[0] == 200
    claude = ask(deployed.url, "anthropic", "claude")
    assert claude.status == 200
    assert claude.headers["x-gateway-provider"] == "anthropic"
    small = ask(deployed.url, "openai", "small", stream=False)
    assert (small.status, small.headers["x-gateway-provider"]) == (200, "gemini")
    assert [one["provider"] for name in ("anthropic", "gemini") for one in attempts_on(deployed.emulator, name)] == ["anthropic", "gemini"]
    records = [json.loads(line) for line in deployed.ledger.read_text().splitlines()]
    assert [record["tenant"] for record in records] == ["rehearsal", "rehearsal"]
    assert all(record["nano_usd"] > 0 and not record["doubts"] for record in records)


def test_a_key_that_was_changed_holds_without_a_restart(deployed: Deployed) -> None:
    assert ask(deployed.url, "openai", "claude", stream=False).status == 200
    (deployed.keys / DIGEST_FILE).write_text(digest_of("sk-st-new"))

    def status(key: str) -> int:
        return ask(deployed.url, "openai", "claude", stream=False, key=key).status

    assert until(lambda: status("sk-st-new") == 200)
    assert status(KEY) == 401
