"""The dashboard's and the alerts' queries against what a gateway shows after traffic of every kind."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stacks.components.telemetry.dashboards import contents
from stacks.components.telemetry.rules import gateway_groups
from stacks.environment.file import load
from tests.gateway.client import ask
from tests.gateway.conftest import MODELS, GatewayProcess, control, everything, provider
from workloads.telemetry.gateway import GATEWAY_SERIES

Start = Callable[[dict[str, Any]], GatewayProcess]

_SAMPLE = re.compile(r"^([a-zA-Z_:]\w*)(?:\{(.*)\})? [-+0-9.eInfNa]+$")
#: No request brings one about on purpose: every span was taken, and no answer was screened.
UNSEEN = {"llm_gateway_screened_total"}


def queries() -> Iterator[str]:
    environment = load("prod", root=Path(__file__).parents[2])
    assert environment.gateway is not None
    for panel in contents(environment)["gateway"]:
        yield from panel.expressions.values()
    for group in gateway_groups(environment, environment.gateway):
        yield from (rule["expr"] for rule in group["rules"])


def exposed(text: str) -> dict[str, set[str]]:
    """The labels of every series with at least one sample."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if match := _SAMPLE.match(line):
            found.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2] or ""))
    return found


def test_every_query_finds_its_series(emulator: str, gateway_of: Start) -> None:
    document = everything(emulator)
    document["providers"] |= {
        "failing": provider(emulator, "anthropic", "failing-series"),
        "unpriced": {name: value for name, value in provider(emulator, "openai", "unpriced").items() if name != "price"},
    }
    document["routes"] |= {
        "broken": {"targets": [{"provider": "failing", "model": "claude-sonnet-5"}]},
        "rescued": {
            "targets": [{"provider": "failing", "model": "claude-sonnet-5"}],
            "fallbacks": [{"provider": "openai", "model": "gpt-5"}],
        },
        "unknown": {"targets": [{"provider": "unpriced", "model": "nobody-knows"}]},
    }
    live = gateway_of(document)
    control(emulator, "PUT", "faults/failing-series", "status=500")
    for model in (*MODELS.values(), "rescued", "unknown"):
        assert ask(live.url, "openai", model).status == 200
    assert ask(live.url, "openai", "broken", stream=False).status >= 500
    assert ask(live.url, "openai", "gpt-5", key="wrong").status == 401
    for _ in range(2):
        assert ask(live.url, "openai", "gpt-5", "again", stream=False, temperature=0.0).status == 200
    with urllib.request.urlopen(f"{live.url}/metrics", timeout=60) as answer:
        shown = exposed(answer.read().decode())
    for query in queries():
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", query)
        names = {name for name in shown if re.search(rf"\b{name}\b", bare)}
        asked = {name for name in GATEWAY_SERIES if re.search(rf"\b{name}(_bucket)?\b", bare)}
        assert asked
        assert {name.removesuffix("_bucket") for name in names} == asked, query
        grouped = {label for found in re.findall(r"by \(([^)]*)\)", query) for label in found.split(", ")}
        assert grouped <= set().union(*(shown[name] for name in names)), query
    assert {name for name in GATEWAY_SERIES if name not in shown and f"{name}_bucket" not in shown} == UNSEEN
