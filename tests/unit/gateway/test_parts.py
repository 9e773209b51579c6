"""Configuration, keys, caches and plans."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.dialects.model.content import Text, ToolCall, ToolResult
from foundation.dialects.model.errors import ErrorKind, ProviderError, RequestError
from foundation.dialects.model.request import ChatRequest, Message
from foundation.dialects.paths import route_of
from foundation.processes.arguments import ArgumentsError
from foundation.tracing.spans import SpanBuffer, begin
from workloads.emulator.spec import EmulatorSpec
from workloads.gateway.caching.exact import Kept, SingleFlight, cache_key, vector_from_bytes, vector_to_bytes
from workloads.gateway.caching.memory import MemoryStore
from workloads.gateway.configuration.document import Canary
from workloads.gateway.configuration.keys import GuessingLimit, new_key
from workloads.gateway.configuration.loading import digest_of, load, parse
from workloads.gateway.errors import ConfigurationError
from workloads.gateway.routing.plan import plan, takes_canary
from workloads.gateway.routing.tokens import drop_oldest
from workloads.gateway.runtime import Runtime
from workloads.gateway.serving.inquiry import Inquiry
from workloads.gateway.spec import GatewaySpec

KEY = "sk-st-secret"


def document(**changes: Any) -> dict[str, Any]:
    return {
        "providers": {
            "eu": {"dialect": "anthropic", "base_url": "http://127.0.0.1:1/eu", "label": "anthropic", "region": "eu"},
            "us": {"dialect": "anthropic", "base_url": "http://127.0.0.1:1/us", "label": "anthropic", "region": "us"},
            "home": {"dialect": "openai", "base_url": "http://127.0.0.1:2", "price": {"input": "0", "output": "0"}},
        },
        "routes": {
            "smart": {
                "targets": [{"provider": "eu", "model": "claude-sonnet-5"}, {"provider": "us", "model": "claude-sonnet-5"}],
                "fallbacks": [{"provider": "home", "model": "small", "context_tokens": 1000}],
            },
            "small": {"targets": [{"provider": "home", "model": "small"}]},
        },
        "tenants": {"acme": {"keys": [{"id": "one", "sha256": digest_of(KEY)}], "limits": {"requests_per_min": 5}}},
        **changes,
    }


def runtime(before: Runtime | None = None, **changes: Any) -> Runtime:
    return Runtime(parse(document(**changes), "test"), {}, before)


def test_a_digest_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "acme.sha256"
    file.write_text(digest_of(KEY) + "\n")
    holder = runtime(tenants={"acme": {"keys": [{"id": "one", "sha256_file": str(file)}]}}).keys.holder(KEY)
    assert holder is not None
    assert (holder.tenant, holder.key_id) == ("acme", "one")


def test_two_files_with_the_same_digest_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "ab"]
    for file in files:
        file.write_text(digest_of(KEY))
    keys = [{"id": file.name, "sha256_file": str(file)} for file in files]
    with pytest.raises(ConfigurationError, match=r"tenants\.acme\.keys\.b: the key of acme/a stands here again"):
        runtime(tenants={"acme": {"keys": keys}})


@pytest.mark.parametrize("text", [None, "", "nonsense", KEY, "é", digest_of(KEY)[:-1]])
def test_a_file_without_a_digest_is_refused_with_its_place(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "digest"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"tenants\.acme\.keys\.one\.sha256_file: .*digest: ") as caught:
        runtime(tenants={"acme": {"keys": [{"id": "one", "sha256_file": str(file)}]}})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("digests", [{}, {"sha256": digest_of(KEY), "sha256_file": "/digest"}])
def test_a_key_has_one_digest(digests: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"tenants\.acme\.keys\.0: .*needs either sha256 or sha256_file"):
        runtime(tenants={"acme": {"keys": [{"id": "one", **digests}]}})


def order(live: Runtime, route: str = "smart", **changes: Any) -> Any:
    wanted = {
        "regions": frozenset(),
        "prompt_tokens": 10,
        "now_s": 0.0,
        "random": Random(1),
        "prices": live.prices,
        "unix_s": 0.0,
        **changes,
    }
    return plan(live.routes[route], **wanted)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (
            {"routes": {"a": {"targets": [{"provider": "nobody", "model": "m"}]}}},
            "routes.a.targets.0.provider: 'nobody' does not exist; there is eu, us, home",
        ),
        ({"routes": {"a": {}}}, "routes.a: needs `targets`"),
        (
            {"routes": {"a": {"complexity": {"simple": "b", "medium": "b", "complex": "b"}}}},
            "routes.a.complexity.simple: 'b' does not exist; there is a",
        ),
        ({"tenants": {"t": {"keys": []}}}, "tenants.t.keys"),
        ({"tenants": {"t": {"keys": [{"id": "k", "sha256": "x"}]}}}, "sha256"),
        ({"retries": {"base_ms": "fast"}}, "retries.base_ms"),
        ({"wizard": 1}, "wizard"),
        ({"tenants": {name: {"keys": [{"id": "k", "sha256": "0" * 64}]} for name in "ab"}}, "stands here again"),
        ({"safety": {"judge": "nobody"}}, "safety.judge"),
    ],
)
def test_a_wrong_configuration_names_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        parse(document(**change), "file")


def test_a_configuration_is_read_from_json_and_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document()))
    (tmp_path / "a.yaml").write_text(json.dumps(document()))
    assert load(tmp_path / "a.json") == load(tmp_path / "a.yaml")
    (tmp_path / "b.json").write_text("{")
    for name in ("b.json", "none.json"):
        with pytest.raises(ConfigurationError, match=name):
            load(tmp_path / name)


def test_a_missing_secret_is_said_by_its_place() -> None:
    providers = {"p": {"dialect": "openai", "base_url": "http://h", "api_key_env": "NOT_THERE"}}
    with pytest.raises(ConfigurationError, match=r"providers\.p\.api_key_env"):
        runtime(providers=providers, routes={"r": {"targets": [{"provider": "p", "model": "m"}]}})


def test_keys_are_found_by_their_digest_alone() -> None:
    keys = runtime().keys
    holder = keys.holder(KEY)
    assert holder is not None
    assert (holder.tenant, holder.key_id) == ("acme", "one")
    assert keys.holder(KEY + "x") is keys.holder("") is keys.holder("\udcff") is None
    assert len(new_key()) > 40
    assert KEY not in repr(vars(keys))


def test_guessing_is_limited_by_address() -> None:
    guesses = GuessingLimit(per_min=3)
    for _ in range(3):
        assert not guesses.wait_s("a", 0.0)
        guesses.failed("a", 0.0)
    assert guesses.wait_s("a", 0.0) > 0
    assert not guesses.wait_s("b", 0.0)
    assert not guesses.wait_s("a", 61.0)


def test_a_key_that_was_right_before_does_not_suffer_from_its_neighbours_guesses() -> None:
    known, guesses = runtime().keys.holder(KEY), GuessingLimit(per_min=1)
    assert known is not None
    guesses.right("a", known)
    assert guesses.knows("a", known)
    assert not guesses.knows("b", known)
    assert not guesses.knows("a", None)


def test_a_reload_forgets_neither_an_outage_nor_a_limit() -> None:
    first = runtime()
    first.upstreams["eu/claude-sonnet-5"].breaker.leave(0.0, failed=True)
    second = runtime(first, ledger="elsewhere")
    assert second.upstreams["eu/claude-sonnet-5"].breaker is first.upstreams["eu/claude-sonnet-5"].breaker
    assert second.keys.holder(KEY).meters[0] is first.keys.holder(KEY).meters[0]  # type: ignore[union-attr]
    third = runtime(first, breaker={"open_s": 1.0}, tenants={"acme": {"keys": [{"id": "one", "sha256": digest_of(KEY)}]}})
    assert third.upstreams["eu/claude-sonnet-5"].breaker is not first.upstreams["eu/claude-sonnet-5"].breaker
    assert third.keys.holder(KEY).meters[0] is not first.keys.holder(KEY).meters[0]  # type: ignore[union-attr]


def test_regions_contexts_and_breakers_decide_who_may_serve() -> None:
    live = runtime()
    assert {one.name for one in order(live)[:2]} == {"eu/claude-sonnet-5", "us/claude-sonnet-5"}
    assert [one.name for one in order(live, regions=frozenset({"eu"}))] == ["eu/claude-sonnet-5"]
    assert order(live, regions=frozenset({"moon"})).kind is ErrorKind.PERMISSION
    assert "home/small" not in [one.name for one in order(live, prompt_tokens=5000)]
    assert order(live, prompt_tokens=10**7).kind is ErrorKind.CONTEXT_LENGTH
    for name in ("eu", "us"):
        breaker = live.upstreams[f"{name}/claude-sonnet-5"].breaker
        for _ in range(3):
            breaker.enter(0.0)
            breaker.leave(0.0, failed=True)
    assert [one.name for one in order(live)] == ["home/small"]
    refusal = order(live, prompt_tokens=5000)
    assert isinstance(refusal, ProviderError)
    assert (refusal.kind, refusal.retry_after_s) == (ErrorKind.OVERLOADED, 30.0)


def test_the_cheapest_and_the_fastest_come_first_where_they_are_preferred() -> None:
    routes = {"r": {"prefer": "cost", "targets": [{"provider": "eu", "model": "claude-sonnet-5"}, {"provider": "home", "model": "small"}]}}
    assert [one.name for one in order(runtime(routes=routes), "r")] == ["home/small", "eu/claude-sonnet-5"]
    routes["r"]["prefer"] = "latency"
    live = runtime(routes=routes)
    live.upstreams["home/small"].load.saw(2.0)
    live.upstreams["eu/claude-sonnet-5"].load.saw(0.2)
    assert [one.name for one in order(live, "r")] == ["eu/claude-sonnet-5", "home/small"]
    live.upstreams["eu/claude-sonnet-5"].load.rests_until_s = 5.0
    assert next(one.name for one in order(live, "r")) == "home/small"


def test_a_canary_takes_its_share_and_keeps_its_users() -> None:
    canary = Canary(route="new", share=0.2)
    taken = [takes_canary(canary, "t", f"user{number}") for number in range(4000)]
    assert 0.17 < sum(taken) / len(taken) < 0.23
    assert taken == [takes_canary(canary, "t", f"user{number}") for number in range(4000)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 40)), max_size=80))
def test_the_cache_is_bounded_by_bytes(puts: list[tuple[int, int]]) -> None:
    async def scene() -> None:
        cache = MemoryStore(max_bytes=200, ttl_s=10.0, now_s=lambda: 0.0)
        for number, size in puts:
            await cache.put(bytes([number]), b"x" * size)
            assert cache.bytes <= 200
        assert cache.bytes == sum(len(entry.value) for entry in cache._entries.values())

    asyncio.run(scene())


def test_the_cache_forgets_the_old_and_the_least_recently_used() -> None:
    async def scene() -> None:
        now = [0.0]
        cache = MemoryStore(max_bytes=100, ttl_s=10.0, now_s=lambda: now[0])
        for name in (b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"):
            await cache.put(name, name * 12)
        now[0] = 1.0
        assert await cache.get(b"a") == b"a" * 12
        await cache.put(b"i", b"i" * 12)
        assert await cache.get(b"b") is None
        assert await cache.get(b"a") is not None
        now[0] = 10.0
        assert await cache.get(b"a") is None

    asyncio.run(scene())


@given(st.binary(max_size=60), st.text(max_size=20).filter(lambda name: "\n" not in name))
def test_a_stored_response_is_read_as_it_was(body: bytes, target: str) -> None:
    kept = Kept(b"text/event-stream", target.encode("utf-8", "replace").decode(), body)
    assert Kept.from_bytes(kept.to_bytes()) == kept
    assert Kept.from_bytes(b"not a response") is None


@given(st.lists(st.floats(allow_nan=False), max_size=8))
def test_a_stored_vector_is_read_as_it_was(vector: list[float]) -> None:
    assert vector_from_bytes(vector_to_bytes(vector)) == vector
    assert vector_from_bytes(b"odd") == []


documents = st.dictionaries(st.sampled_from(["model", "messages", "temperature"]), st.integers(0, 2) | st.text(max_size=3), max_size=3)
names = st.sampled_from(["acme", "acm", "e", "", "x\0y"])


@given(names, names, documents, documents)
def test_no_two_tenants_or_requests_share_a_cache_key(one: str, two: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    same = cache_key(one, "r", "openai", first) == cache_key(two, "r", "openai", second)
    assert same == (one == two and first == second)
    assert cache_key(one, "r", "openai", dict(reversed(first.items()))) == cache_key(one, "r", "openai", first)


def test_one_call_for_many_and_a_failed_one_sends_the_others_on_their_way() -> None:
    async def scene() -> list[Any]:
        flights: SingleFlight[str] = SingleFlight()
        assert flights.join(b"k") is None
        waiting = [flights.join(b"k") for _ in range(3)]
        flights.land(b"k", "answer")
        flights.land(b"k", "late")
        assert flights.join(b"k") is None
        failed = flights.join(b"k")
        flights.land(b"k", None)
        return [await one for one in (*waiting, failed) if one is not None]

    assert asyncio.run(scene()) == ["answer", "answer", "answer", None]


def test_a_conversation_loses_its_oldest_turns_and_keeps_calls_with_their_results() -> None:
    long = "x" * 4000
    messages = [
        Message("user", [Text(long)]),
        Message("assistant", [ToolCall("c", "f", "{}")]),
        Message("user", [ToolResult("c", [Text(long)])]),
        Message("assistant", [Text("done")]),
        Message("user", [Text("and now?")]),
    ]
    request = ChatRequest("m", messages, system=[Text("be brief")])
    assert drop_oldest(request, 1500) == 4
    assert [message.role for message in request.messages] == ["user"]
    assert request.system == [Text("be brief")]


def test_a_request_of_the_same_dialect_goes_as_it_came() -> None:
    live = runtime()
    path = route_of("/v1/messages")
    assert path is not None
    body = b'{"model": "claude-sonnet-5", "max_tokens": 5, "future_field": [1],  "messages": [{"role": "user", "content": "x"}]}'
    assert Inquiry(path, body).body_for(live.upstreams["eu/claude-sonnet-5"]) is body
    renamed = Inquiry(path, body.replace(b"claude-sonnet-5", b"smart"))
    sent = json.loads(renamed.body_for(live.upstreams["eu/claude-sonnet-5"]))
    assert (sent["model"], sent["future_field"]) == ("claude-sonnet-5", [1])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"model": 3}', b'{"model": ""}', b'{"model":"m","stream":"yes"}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    path = route_of("/v1/chat/completions")
    assert path is not None
    with pytest.raises(RequestError):
        Inquiry(path, body)


def test_spans_continue_their_caller_s_trace_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foundation.tracing.spans._MOST_WAITING", 20)
    caller = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    span = begin("chat m", 1, caller)
    assert (span.trace_id, span.parent_id) == ("a" * 32, "b" * 16)
    for wrong in ("", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", "junk", "00-zz-yy-01"):
        assert begin("x", 1, wrong).parent_id == ""
    buffer = SpanBuffer("gateway")
    span.attributes = {"a": 1, "b": True, "c": 0.5, "d": ["x"], "e": "text"}
    for _ in range(50):
        buffer.add(span)
    assert [buffer.forget_dropped(), buffer.forget_dropped()] == [30, 0]
    exported = json.loads(buffer.take() or b"")
    shown = exported["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert {one["key"]: next(iter(one["value"])) for one in shown["attributes"]} == {
        "a": "intValue", "b": "boolValue", "c": "doubleValue", "d": "arrayValue", "e": "stringValue",
    }  # fmt: skip
    assert buffer.take() is None


def test_digests_are_those_of_the_documentation() -> None:
    assert digest_of("k") == hashlib.sha256(b"k").hexdigest()


def test_the_example_can_be_served() -> None:
    path = Path(__file__).parents[3] / "workloads" / "gateway" / "example.yaml"
    live = Runtime(load(path), {"ANTHROPIC_API_KEY": "a", "GEMINI_API_KEY": "g"})
    assert live.keys.holder("example-key") is not None
    assert live.constitution is not None
    assert set(live.routes) == {"claude-sonnet-5", "gemini-3.8-flash", "small", "auto"}


@pytest.mark.parametrize("spec", [GatewaySpec("c.json", 9), EmulatorSpec("instant", 3, 9)])
def test_arguments_are_read_as_written(spec: GatewaySpec | EmulatorSpec) -> None:
    assert type(spec).from_args(spec.to_args()) == spec
    for wrong in (["--port=0"], ["--port=x"], ["--wizard"]):
        with pytest.raises(ArgumentsError):
            type(spec).from_args([*spec.to_args(), *wrong])


def test_a_target_of_two_routes_has_one_breaker_and_each_route_s_context() -> None:
    target = {"provider": "eu", "model": "claude-sonnet-5"}
    live = runtime(routes={"long": {"targets": [target]}, "short": {"targets": [{**target, "context_tokens": 300}]}})
    long, short = (live.routes[name].targets[0] for name in ("long", "short"))
    assert (long.context_tokens, short.context_tokens) == (200_000, 300)
    assert long.breaker is short.breaker
    assert long.load is short.load
