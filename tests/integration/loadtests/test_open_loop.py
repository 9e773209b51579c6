"""The open loop against a server that behaves as each test asks; nothing sleeps, the server is driven by events."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from foundation.errors import TargetError
from foundation.measures.outcome import Status
from loadtests import open_loop
from loadtests.testing import Behaviour, StubEngine
from stacks.traffic import PlannedRequest

PLAN = [PlannedRequest(index, index * 0.005, 20 + index, 6) for index in range(30)]


@pytest.fixture(scope="module")
def engine() -> Iterator[StubEngine]:
    with StubEngine() as running:
        yield running


def test_every_request_is_sent_once_and_measured_from_its_intended_time(engine: StubEngine) -> None:
    engine.requests.clear()
    seen: list[tuple[int, int]] = []
    measured = open_loop.run(PLAN, [engine.url], seed=5, on_progress=lambda *state: seen.append(state))
    assert (measured.outcome.requests, measured.outcome.good, measured.outcome.seed) == (30, 30, 5)
    assert [r.intended_s for r in measured.records] == [p.at_s for p in PLAN]
    for record, planned in zip(measured.records, PLAN, strict=True):
        assert record.first_token_s is not None
        assert record.intended_s <= record.sent_s <= record.first_token_s <= record.finished_s
        assert (record.prompt_tokens, record.output_tokens, record.error) == (planned.prompt_tokens, 6, None)
    sent = sorted(len(request["messages"][0]["content"]) for request in engine.requests)
    assert sent == [p.prompt_tokens for p in PLAN]
    assert len({request["messages"][0]["content"][:2] for request in engine.requests}) == 30
    # Role, six tokens, finish reason, usage, end mark.
    assert (measured.generator.frames, measured.generator.sent) == (30 * 10, 30)
    assert measured.notes == ()
    assert seen[-1] == (30, 30)


def test_targets_take_turns(engine: StubEngine) -> None:
    with StubEngine() as other:
        measured = open_loop.run(PLAN, [engine.url, other.url])
        assert measured.replicas == (engine.url, other.url)
        assert [r.replica for r in measured.records] == [engine.url, other.url] * 15


def test_the_same_plan_may_have_other_texts(engine: StubEngine) -> None:
    def sent(texts_seed: int | None) -> list[str]:
        engine.requests.clear()
        measured = open_loop.run(PLAN[:3], [engine.url], seed=5, texts_seed=texts_seed)
        assert measured.outcome.seed == 5
        return sorted(request["messages"][0]["content"] for request in engine.requests)

    assert sent(None) == sent(5)
    assert sent(6) != sent(5)
    assert [len(text) for text in sent(6)] == [len(text) for text in sent(5)]


@pytest.mark.parametrize(
    ("behaviour", "status", "error", "tokens"),
    [
        (Behaviour.REFUSED, Status.REJECTED, "HTTP 400: the request exceeds the available context size", 0),
        (Behaviour.BROKEN, Status.FAILED, "HTTP 500: out of memory", 0),
        (Behaviour.RESET, Status.FAILED, "the connection was reset in the middle of the answer", 3),
        (Behaviour.CUT, Status.FAILED, "the stream ended without a finish reason or [DONE] in the middle of the answer", 3),
        (Behaviour.ERROR_IN_STREAM, Status.FAILED, "error in the stream: slot lost", 3),
        (Behaviour.SILENT, Status.FAILED, "no end after 0.2 s, before the first token", 0),
        (Behaviour.NOT_HTTP, Status.FAILED, "no HTTP/1.1 response, but b'SSH-2.0-stub'", 0),
    ],
)
def test_failures_become_records(engine: StubEngine, behaviour: Behaviour, status: Status, error: str, tokens: int) -> None:
    measured = open_loop.run(PLAN[:5], [engine.url], model=behaviour, timeout_s=0.2 if behaviour is Behaviour.SILENT else 10.0)
    assert {(r.status, r.error) for r in measured.records} == {(status, error)}
    # A reset may overtake bytes that were sent before it.
    assert all(r.output_tokens <= tokens for r in measured.records)
    assert measured.outcome.failed == 5


def test_an_engine_that_dies_during_the_load_leaves_failures_and_no_hang() -> None:
    slow = [PlannedRequest(index, index * 0.02, 10, 5000) for index in range(20)]
    with StubEngine(gap_s=0.01) as engine:
        answering = threading.Event()

        def watch(_finished: int, _planned: int) -> None:
            if engine.requests and not answering.is_set():
                answering.set()
                engine.stop()

        measured = open_loop.run(slow, [engine.url], timeout_s=10.0, on_progress=watch)
    errors = {r.error for r in measured.records}
    assert measured.outcome.failed == len(measured.records) == 20
    assert "no connection: refused" in errors
    assert any(error and error.startswith("the connection was") for error in errors)
    assert measured.generator.sent == 20


def test_a_refused_connection_was_sent_all_the_same() -> None:
    with StubEngine() as gone:
        url = gone.url
    measured = open_loop.run(PLAN, [url], metrics=["p50_ttft_ms"])
    assert {r.error for r in measured.records} == {"no connection: refused"}
    assert measured.generator.sent == 30
    assert measured.outcome.failed == 30
    assert measured.undersampled[0] == "no request was good: 30 of 30 failed"
    assert "too few samples for p50_ttft_ms: 0" in measured.undersampled[1]


def test_stop_cancels_what_is_in_flight_and_makes_the_run_invalid(engine: StubEngine) -> None:
    plan = [PlannedRequest(0, 0.0, 10, 5), PlannedRequest(1, 3600.0, 10, 5)]
    stop = threading.Event()

    def watch(_finished: int, _planned: int) -> None:
        if engine.requests:
            stop.set()

    engine.requests.clear()
    measured = open_loop.run(plan, [engine.url], model=Behaviour.SILENT, on_progress=watch, stop=stop)
    assert [(r.status, r.error) for r in measured.records] == [(Status.FAILED, "cancelled: the run was stopped")]
    assert measured.invalid[0] == "the run was stopped after 1 of 2 requests"


def test_other_token_counts_than_planned_are_noted(engine: StubEngine) -> None:
    measured = open_loop.run(PLAN[:2], [engine.url], model=Behaviour.VERBOSE)
    assert measured.notes == (
        "the server counted other prompt tokens than planned: +4 to +4 a request (2 of 2 requests); records keep the planned number",
        "other output tokens came than planned: +1 to +1 a request (2 of 2 requests); records keep the actual number",
    )
    assert [(r.prompt_tokens, r.output_tokens) for r in measured.records] == [(20, 7), (21, 7)]


def test_an_empty_plan_ends_at_once(engine: StubEngine) -> None:
    measured = open_loop.run([], [engine.url])
    assert (measured.records, measured.timeline, measured.outcome.requests) == ((), [], 0)


def test_targets_that_cannot_be_are_refused_before_the_run() -> None:
    with pytest.raises(TargetError, match="no target to send requests to"):
        open_loop.run(PLAN, [])
    with pytest.raises(TargetError, match=r"the host .* is not known"):
        open_loop.run(PLAN, ["http://sandtable.invalid:1"])


def test_localhost_finds_the_address_that_listens(engine: StubEngine) -> None:
    measured = open_loop.run(PLAN[:3], [engine.url.replace("127.0.0.1", "localhost")])
    assert measured.outcome.good == 3


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stub")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "stub.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_https_is_spoken_and_certificates_are_checked(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with StubEngine(tls=context) as engine:
        untrusted = open_loop.run(PLAN[:3], [engine.url])
        assert {r.error for r in untrusted.records} == {"no connection: self-signed certificate"}
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusted = open_loop.run(PLAN[:3], [engine.url])
        assert {r.error for r in trusted.records} == {None}
