"""One request on a blocking socket, as the users of Locust send it; here without Locust."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.chat import ChatRequests
from foundation.wire import Target
from loadtests.testing import Behaviour, StubEngine
from loadtests.users.exchange import exchange
from stacks.traffic import PlannedRequest


@pytest.fixture(scope="module")
def engine() -> Iterator[StubEngine]:
    with StubEngine() as running:
        yield running


def ask(url: str, model: str, timeout_s: float = 10.0) -> tuple[str | None, bool]:
    target = Target.parse(url)
    data = ChatRequests(model=model).encode(PlannedRequest(0, 0.0, 20, 6), target)
    sent, answer = exchange(target, data, timeout_s=timeout_s, tls=None)
    assert answer.ended
    assert answer.first is None or sent <= answer.first <= answer.finished
    return answer.error, answer.first is not None


def test_a_good_answer(engine: StubEngine) -> None:
    assert ask(engine.url, Behaviour.GOOD) == (None, True)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Behaviour.REFUSED, "HTTP 400: the request exceeds the available context size"),
        (Behaviour.CUT, "the stream ended without a finish reason or [DONE] in the middle of the answer"),
        (Behaviour.SILENT, "no end after 0.1 s, before the first token"),
        (Behaviour.NOT_HTTP, "no HTTP/1.1 response, but b'SSH-2.0-stub'"),
    ],
)
def test_failures_read_like_those_of_the_open_loop(engine: StubEngine, behaviour: Behaviour, error: str) -> None:
    assert ask(engine.url, behaviour, 0.1 if behaviour is Behaviour.SILENT else 10.0)[0] == error


def test_a_reset_and_a_refusal(engine: StubEngine) -> None:
    error, _ = ask(engine.url, Behaviour.RESET)
    assert error is not None
    assert error.startswith("the connection was reset")
    with StubEngine() as gone:
        url = gone.url
    assert ask(url, Behaviour.GOOD) == ("no connection: refused", False)
