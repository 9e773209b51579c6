"""The load generators on every wire and with every kind of question, against the emulator."""

from __future__ import annotations

import itertools

import pytest

from foundation.chat import WireRequests
from foundation.measures.outcome import Status
from foundation.wire import Target
from loadtests import open_loop
from loadtests.users.exchange import exchange
from stacks.traffic.request import PlannedRequest

WIRES = ("openai", "anthropic", "gemini")
KINDS = ("plain", "tools", "image", "conversation")


def test_every_wire_and_kind_of_question_is_answered_and_timed(emulator: str) -> None:
    ways = list(itertools.product(WIRES, KINDS))
    plan = [PlannedRequest(n, n * 0.02, 40, 8, wire, "any", kind) for n, (wire, kind) in enumerate(ways)]
    seen = open_loop.run(plan, [emulator], api_key="k", seed=1)
    assert [record.error for record in seen.records if record.status is not Status.OK] == []
    assert len(seen.records) == len(ways)
    assert all(record.first_token_s is not None and record.output_tokens > 0 for record in seen.records)


@pytest.mark.parametrize("wire", WIRES)
def test_a_locust_user_reads_the_same(emulator: str, wire: str) -> None:
    requests, target = WireRequests(model="any", api_key="k"), Target.parse(emulator)
    planned = PlannedRequest(0, 0.0, 40, 8, wire, "any")
    _, answer = exchange(target, requests.encode(planned, target), timeout_s=10.0, tls=None, answer=requests.answer(planned))
    assert (answer.status, answer.error, answer.stream.output_tokens) == (Status.OK, None, 8)
