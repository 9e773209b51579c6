"""The sixteen faults on the four wires to providers: what a client sees, what the targets see, and what is billed.

The client speaks the provider's own dialect where the gateway takes it, and OpenAI's otherwise, so that frames that are passed on and
frames that are translated are both tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from foundation.dialects import DIALECTS
from foundation.dialects.model.errors import ErrorKind
from tests.gateway.client import Reply, ask
from tests.gateway.conftest import MODELS, GatewayProcess, attempts_on, control, provider, tenants
from workloads.emulator.behaviour.faults import CATALOGUE, Fault

WIRES = ["anthropic", "openai", "gemini"]
BROKEN = [Fault.CUT, Fault.MALFORMED, Fault.NO_TERMINATOR]
TIMEOUTS = {"connect_s": 2.0, "first_byte_s": 1.5, "first_token_s": 1.5, "idle_s": 1.0, "total_s": 30.0}


@dataclass(frozen=True)
class Declared:
    """What is to happen: ``ends`` as an answer, an error before it, or an error in the stream; who answers; and the attempts."""

    ends: str
    by: str = "primary"
    primary: tuple[int, int] = (1, 1)
    backup: tuple[int, int] = (0, 0)
    kind: ErrorKind | None = None


ANSWER, REFUSED, CUT = "answer", "refused", "cut"
DECLARED = {
    Fault.RATE_LIMIT: Declared(ANSWER, primary=(3, 3)),
    Fault.RATE_LIMIT_SILENT: Declared(ANSWER, "backup", (3, 3), (1, 1)),
    Fault.ERROR_ONCE: Declared(ANSWER, primary=(2, 2)),
    Fault.UNAVAILABLE: Declared(ANSWER, "backup", (2, 3), (1, 1)),
    Fault.RESET: Declared(ANSWER, "backup", (2, 3), (1, 1)),
    Fault.SILENT: Declared(ANSWER, "backup", (1, 1), (1, 1)),
    Fault.SLOW_START: Declared(ANSWER, "backup", (1, 1), (1, 1)),
    Fault.CUT: Declared(CUT, kind=ErrorKind.TRUNCATED),
    Fault.STALL: Declared(CUT, kind=ErrorKind.TIMEOUT),
    Fault.MALFORMED: Declared(CUT, kind=ErrorKind.MALFORMED),
    Fault.NO_TERMINATOR: Declared(ANSWER),
    Fault.CONTEXT_LENGTH: Declared(REFUSED, kind=ErrorKind.CONTEXT_LENGTH),
    Fault.CONTENT_FILTER: Declared(REFUSED, kind=ErrorKind.CONTENT_FILTER),
    Fault.CUT_NO_PREFILL: Declared(CUT, kind=ErrorKind.TRUNCATED),
    Fault.OUTAGE: Declared(ANSWER, "backup", (1, 4), (15, 15)),
    Fault.CUT_BEFORE_CONTENT: Declared(ANSWER, primary=(2, 2)),
}
VALUES = {Fault.RATE_LIMIT: "=0.3", Fault.OUTAGE: "=60", Fault.STALL: "=30", Fault.SLOW_START: "=20"}


def declared(fault: Fault, dialect: str) -> Declared:
    if fault is Fault.NO_TERMINATOR and dialect in ("gemini", "ollama"):
        return Declared(CUT, kind=ErrorKind.TRUNCATED)  # the marker says there why it stopped, so the answer may not be whole
    return DECLARED[fault]


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """The gateway, and which tests have used it."""
    return {"used": set()}


@pytest.fixture
def gateway(
    request: pytest.FixtureRequest, made: dict[str, Any], emulator: str, gateway_of: Callable[[dict[str, Any]], GatewayProcess]
) -> GatewayProcess:
    """Return the gateway of all tests, or another for a second try: the first has its records, and breakers that it opened."""
    if "gateway" not in made or request.node.name in made["used"]:
        made |= {"gateway": gateway_of(with_faults(emulator)), "used": set()}
    made["used"].add(request.node.name)
    found: GatewayProcess = made["gateway"]
    return found


def with_faults(emulator: str) -> dict[str, Any]:
    """Return a configuration with a provider, and one behind it, for each fault on each wire, and others of their own for other tests."""
    providers, routes = {}, {}
    for dialect, model in MODELS.items():
        for fault in CATALOGUE:
            name = f"{dialect}-{fault.value}"
            for side in ("primary", "backup"):
                providers[f"{name}-{side}"] = provider(emulator, dialect, f"{name}-{side}", timeouts=TIMEOUTS)
            target = {"provider": f"{name}-primary", "model": model}
            routes[name] = {"targets": [target], "fallbacks": [{"provider": f"{name}-backup", "model": model}]}
        for wire in WIRES:
            name = f"{dialect}-to-{wire}"
            providers[name] = provider(emulator, dialect, name, timeouts=TIMEOUTS)
            routes[name] = {"targets": [{"provider": name, "model": model}]}
    for wire in WIRES:
        for fault in BROKEN:
            name = f"{fault.value}-to-{wire}"
            for side in ("primary", "backup"):
                providers[f"{name}-{side}"] = provider(emulator, "anthropic", f"{name}-{side}", timeouts=TIMEOUTS)
            target, instead = ({"provider": f"{name}-{side}", "model": MODELS["anthropic"]} for side in ("primary", "backup"))
            routes[name] = {"targets": [target], "fallbacks": [instead]}
    return {"providers": providers, "routes": routes, "tenants": tenants(), "retries": {"budget_reserve": 1000.0, "base_ms": 10.0}}


@pytest.mark.parametrize("fault", CATALOGUE, ids=[f"S{number:02d}-{fault.value}" for number, fault in enumerate(CATALOGUE, 1)])
@pytest.mark.parametrize("dialect", MODELS)
def test_a_fault_ends_as_declared(dialect: str, fault: Fault, emulator: str, gateway: GatewayProcess) -> None:
    name, wanted = f"{dialect}-{fault.value}", declared(fault, dialect)
    wire = dialect if dialect != "ollama" else "openai"
    control(emulator, "PUT", f"faults/{name}-primary", fault.value + VALUES.get(fault, ""))
    replies = [ask(gateway.url, wire, name) for _ in range(15 if fault is Fault.OUTAGE else 1)]
    for reply in replies:
        check(reply, wanted, wire)
    tried = {side: len(attempts_on(emulator, f"{name}-{side}")) for side in ("primary", "backup")}
    assert wanted.primary[0] <= tried["primary"] <= wanted.primary[1], tried
    assert wanted.backup[0] <= tried["backup"] <= wanted.backup[1], tried
    billed = [record for record in gateway.records() if record["route"] == name]
    assert len(billed) == (0 if wanted.ends == REFUSED else len(replies))
    if wanted.ends != REFUSED:
        assert billed[-1]["nano_usd"] > 0
    if fault is Fault.CUT_BEFORE_CONTENT:
        said_its_usage = dialect == "anthropic"  # the other wires count at the end, and there was none
        assert (billed[0]["wasted_nano_usd"] > 0) == said_its_usage
        assert billed[0]["attempts"] == 2


def check(reply: Reply, wanted: Declared, wire: str) -> None:
    match wanted.ends:
        case "refused":
            assert reply.status == 400
            assert reply.error is not None
            assert reply.error.kind is wanted.kind
        case "cut":
            assert reply.status == 200
            assert reply.text, "content came before the cut"
            assert reply.error is not None
            assert reply.error.kind is wanted.kind, reply.error
            for marker in (b"[DONE]", b"message_stop", b"finishReason"):
                assert marker not in reply.body
        case _:
            assert reply.status == 200, reply.body
            assert reply.error is None
            assert reply.result is not None
            assert reply.result.ended
            assert reply.text
            assert wire in DIALECTS


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("dialect", MODELS)
def test_a_cut_is_typed_between_any_two_wires(dialect: str, wire: str, emulator: str, gateway: GatewayProcess) -> None:
    name = f"{dialect}-to-{wire}"
    control(emulator, "PUT", f"faults/{name}", "cut=0.5")
    reply = ask(gateway.url, wire, name)
    check(reply, Declared(CUT, kind=ErrorKind.TRUNCATED), wire)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", BROKEN, ids=lambda fault: fault.value)
def test_a_broken_answer_that_is_not_streamed_is_fetched_elsewhere(wire: str, fault: Fault, emulator: str, gateway: GatewayProcess) -> None:
    name = f"{fault.value}-to-{wire}"
    control(emulator, "PUT", f"faults/{name}-primary", fault.value)
    reply = ask(gateway.url, wire, name, stream=False)
    assert reply.status == 200
    assert reply.text
