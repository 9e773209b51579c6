"""What an operator may write about a gateway, and what is said about a slip."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.environment.file import load
from stacks.errors import ConfigurationError

PROVIDERS = """
    providers:
      anthropic: {dialect: anthropic, label: anthropic, base_url: "https://api.anthropic.com", secret: anthropic_api_key}
      home: {dialect: ollama, label: ollama, base_url: "http://ollama:11434", price: {input: "0", output: "0"}}
"""
ENGINE = "{provider: engine, model: synthetic, context_tokens: 1024}"


def write(folder: Path, text: str) -> None:
    (folder / "Pulumi.dev.yaml").write_text(f"config:\n  sandtable:gateway:{text}", encoding="utf-8")


def message(folder: Path, text: str) -> str:
    write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        load("dev", root=folder)
    return str(caught.value)


def test_the_engine_is_always_a_provider(tmp_path: Path) -> None:
    write(tmp_path, f"\n    routes: {{small: {{targets: [{ENGINE}]}}}}\n")
    gateway = load("dev", root=tmp_path).gateway
    assert gateway is not None
    assert (gateway.providers, gateway.routes["small"].targets[0].provider) == ({}, "engine")


def test_other_providers_have_an_address_or_the_emulator(tmp_path: Path) -> None:
    routes = "    routes: {big: {targets: [{provider: anthropic, model: claude-sonnet-5-5}], fallbacks: [{provider: home, model: any}]}}\n"
    write(tmp_path, PROVIDERS + routes)
    assert load("dev", root=tmp_path).emulator is None
    emulated = PROVIDERS.replace('base_url: "https://api.anthropic.com", secret: anthropic_api_key', "emulated: true")
    write(tmp_path, emulated + routes + "  sandtable:emulator: {profile: instant}\n")
    environment = load("dev", root=tmp_path)
    assert environment.emulator is not None
    assert environment.emulator.profile == "instant"


def test_no_gateway_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
    assert load("dev", root=tmp_path).gateway is None


def routes(text: str) -> str:
    return f"{PROVIDERS}    routes: {{a: {{targets: [{text}]}}}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" {}\n", ["gateway.routes: is missing"]),
        (" {routes: {}}\n", ["gateway.routes: at least 1 needed"]),
        (
            routes("{provider: engine, model: synthetic, contxt: 3}"),
            ["gateway.routes.a.targets[0].contxt: unknown key", "'context_tokens'?"],
        ),
        (" {routes: {a: {targts: []}}}\n", ["gateway.routes.a.targts: unknown key", "did you mean 'targets'?"]),
        (" {routes: {a: {}}}\n", [":2: gateway.routes.a: needs `targets`, or `complexity`"]),
        (" {routes: {'a b': {targets: []}}}\n", ["the name of a model or route is expected"]),
        (
            routes("{provider: antropic, model: x}"),
            ["targets[0].provider = 'antropic'", "there is engine, anthropic, home", "'anthropic'?"],
        ),
        (
            routes("{provider: anthropic, model: claude-sonet-5-5}"),
            [
                "a.targets[0].model = 'claude-sonet-5-5': the price book has no anthropic/claude-sonet-5-5",
                "did you mean 'claude-sonnet-5-5'?",
            ],
        ),
        (
            routes("{provider: engine, model: synthetic}"),
            ["targets[0].context_tokens = 200000: an engine takes 1024", "this is the default"],
        ),
        (
            " {routes: {a: {complexity: {simple: b, medium: c, complex: b}}, b: {canary: {route: a, share: 1}, targets: ["
            + ENGINE
            + "]}}}\n",
            ["complexity.medium = 'c': 'c' does not exist; there is a, b", "canary.route = 'a': this route has no `targets` of its own"],
        ),
        (" {providers: {engine: {dialect: openai, base_url: 'http://a'}}, routes: {a: {targets: [" + ENGINE + "]}}}\n", ["choose another"]),
        (
            " {providers: {x: {dialect: openai}}, routes: {a: {targets: [" + ENGINE + "]}}}\n",
            ["gateway.providers.x: needs either `base_url: <address>` or `emulated: true`"],
        ),
        (" {providers: {x: {dialect: openai, base_url: api}}, routes: {}}\n", ["providers.x.base_url = 'api': an address is expected"]),
        (
            " {providers: {x: {dialect: openai, emulated: true, secret: openai_api_key}}, routes: {}}\n",
            ["providers.x: `secret` belongs to `base_url`"],
        ),
        (
            " {providers: {x: {dialect: openai, base_url: 'http://a', secret: openai_key}}, routes: {}}\n",
            ["secret = 'openai_key': allowed: anthropic_api_key, gemini_api_key, openai_api_key", "did you mean 'openai_api_key'?"],
        ),
        (
            " {providers: {x: {dialect: anthropic, emulated: true}}, routes: {a: {targets: [" + ENGINE + "]}}}\n",
            ["providers.x.emulated = true: this environment has no emulator; add the section `emulator: {}`"],
        ),
        (
            " {routes: {a: {targets: [" + ENGINE + "]}}}\n  sandtable:emulator: {}\n",
            [":3: emulator: no provider of the gateway is `emulated"],
        ),
        (
            " {providers: {x: {dialect: ollama, base_url: 'http://a'}}, routes: {a: {targets: [" + ENGINE + "]}}}\n",
            ["providers.x.label = 'local': this label is that of the stack's engines"],
        ),
        (
            " {shared_cache: cache, cache: {redis: 'redis://a'}, routes: {a: {targets: [" + ENGINE + "]}}}\n",
            ["gateway.cache.redis = 'redis://a': the stack fills this in", "shared_cache = 'cache': there is no store of kind `redis`"],
        ),
        (
            " {shared_cache: cach, routes: {a: {targets: [" + ENGINE + "]}}}\n  sandtable:data_stores: [{name: cache, kind: redis}]\n",
            ["gateway.shared_cache = 'cach': 'cach' does not exist; there is cache", "did you mean 'cache'?"],
        ),
        (" {pool: far, routes: {a: {targets: [" + ENGINE + "]}}}\n", ["gateway.pool = 'far': 'far' does not exist"]),
        (" {replicas: 3, autoscaling: {max_replicas: 2}, routes: {a: {}}}\n", ["gateway: replicas (3) is not within the bounds"]),
    ],
)
def test_a_slip_is_named_with_its_fix(tmp_path: Path, text: str, expected: list[str]) -> None:
    shown = message(tmp_path, text)
    for part in expected:
        assert part in shown
