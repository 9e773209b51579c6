"""The stores that keep the contract: the shipped fake, a group of ours, etcd. The two with processes are left to `nox -s coordination`."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from foundation.processes.readiness import wait_until_ready
from toolchain import ToolMissingError, resolve
from workloads.consensus.client.store import ConsensusCoordination
from workloads.consensus.local import LocalGroup
from workloads.ports.coordination import Coordination, InMemoryCoordination

Run = Callable[[Callable[[Coordination], Coroutine[Any, Any, None]]], None]
real = pytest.mark.coordination
STORES = ["fake", pytest.param("group", marks=real), pytest.param("etcd", marks=real)]


@asynccontextmanager
async def in_memory(store: Coordination) -> Any:
    yield store


@pytest.fixture(scope="session")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGroup]:
    with LocalGroup(tmp_path_factory.mktemp("group")) as started:
        yield started


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        program = resolve("etcd").path
    except ToolMissingError as error:
        pytest.skip(str(error))
    folder, port, peer = tmp_path_factory.mktemp("etcd"), free_port(), free_port()
    client, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    command = [
        str(program), f"--data-dir={folder}/data", "--name=one", f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=one={peers}", "--log-level=error",
    ]  # fmt: skip
    with Child(command, log=folder / "log") as child:
        wait_until_ready(child, lambda: answers(f"{client}/health"), within_s=120)
        yield client


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return json.load(response)["health"] == "true"
    except OSError:
        return False


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Callable[[], AbstractAsyncContextManager[Coordination]]:
    """Return a maker of clients of one store, in the event loop of its caller."""
    if request.param == "fake":
        shared = InMemoryCoordination()
        return lambda: in_memory(shared)
    if request.param == "group":
        started = request.getfixturevalue("group")
        return lambda: ConsensusCoordination(started.cluster, started.members, timeout_s=60.0)
    url = request.getfixturevalue("etcd")
    pytest.importorskip("aiohttp", reason="needs the dependency group `etcd`: run `nox -s coordination`")
    from workloads.adapters.etcd import EtcdCoordination

    return lambda: EtcdCoordination([url])


@pytest.fixture
def run(store: Callable[[], AbstractAsyncContextManager[Coordination]]) -> Run:
    """Run a test against a store, with keys of its own."""

    def run(test: Callable[[Coordination], Coroutine[Any, Any, None]]) -> None:
        async def with_store() -> None:
            async with asyncio.timeout(180), store() as client:
                await test(client)

        asyncio.run(with_store())

    return run


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}/{time.monotonic_ns()}/"


@pytest.fixture
def ttl_ms(request: pytest.FixtureRequest) -> int:
    """Return a short lease: etcd's shortest is two seconds."""
    return 2_000 if request.node.callspec.params["store"] == "etcd" else 300
