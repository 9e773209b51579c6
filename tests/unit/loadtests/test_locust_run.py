"""What Locust is started with, and what is made of what its processes wrote; without Locust."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import pytest

from foundation.measures.outcome import RequestRecord
from loadtests import locust_run
from loadtests.measurement import Measurement
from loadtests.records import ProcessCost
from stacks.environment import Traffic

COST = ProcessCost(cpu_s=1.0, wall_s=10.0, frames=30)
URL = "http://127.0.0.1:1"


class Played:
    """Stands in for Locust's processes: keeps how they were started, and writes ``sent`` records and a line of cost for each ``alive``."""

    def __init__(self, sent: int, alive: int) -> None:
        self.sent, self.alive = sent, alive
        self.arguments: list[str] = []
        self.api_key: str | None = None
        self.tenant_keys: Mapping[str, str] | None = None

    def __call__(self, arguments: Sequence[str], *, log: Path, api_key: str | None, tenant_keys: Mapping[str, str] | None) -> Self:
        self.arguments, self.api_key, self.tenant_keys = list(arguments), api_key, tenant_keys
        good = RequestRecord(100.0, 100.0, 100.1, 100.5, 10, 5, URL)
        rows = [asdict(replace(good, intended_s=100 + i / 10, sent_s=100 + i / 10, finished_s=100.5 + i / 10)) for i in range(self.sent)]
        for number in range(self.alive):
            mine = [*(rows if number == 0 else []), {"cost": asdict(COST)}]
            (log.parent / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in mine))
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def wait(self, *_: Any) -> None: ...

    def wait_for_page(self, _port: int) -> None: ...


def played(monkeypatch: pytest.MonkeyPatch, sent: int = 100, alive: int = 1, **options: Any) -> tuple[Measurement, Played]:
    processes = Played(sent, alive)
    monkeypatch.setattr(locust_run, "LocustProcess", processes)
    return locust_run.run(Traffic(), [URL], duration_s=10.0, **options), processes


def test_a_rate_that_is_met_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    measured, _ = played(monkeypatch, users=40, interval_s=4.0)
    assert measured.invalid == ()
    assert (measured.generator.planned, measured.generator.offered_per_s, measured.generator.achieved_per_s) == (100, 10.0, 10.0)


def test_a_rate_that_is_not_met_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    measured, _ = played(monkeypatch, users=200, interval_s=4.0)
    assert measured.invalid[0].startswith("the rate was not reached: 10/s of 50/s (100 of about 500 requests)")


def test_users_who_ask_again_at_once_and_those_of_the_page_have_no_rate_to_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ({"users": 200}, {"users": 200, "interval_s": 4.0, "web": True, "web_port": 0}):
        measured, _ = played(monkeypatch, **options)
        assert measured.invalid == ()
        assert measured.generator.achieved_share == 1.0
    assert locust_run.LAST_TEST_NOTE in measured.notes


def test_a_process_that_ended_unheard_makes_the_run_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    measured, locust = played(monkeypatch, users=4, processes=3, alive=2)
    assert measured.invalid == ("1 of 3 Locust processes ended without reporting, so their last requests may be missing",)
    assert "--processes=3" in locust.arguments


def test_the_key_is_not_on_the_command_line_and_a_trace_is_stretched_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _, locust = played(monkeypatch, users=4, api_key="s3cret", tenant_keys={"batch": "s3cret-too"}, model="chat", trace_rate_per_s=2.5)
    assert (locust.api_key, locust.tenant_keys) == ("s3cret", {"batch": "s3cret-too"})
    assert not any("s3cret" in argument for argument in locust.arguments)
    assert {"--model=chat", "--trace-rate-per-s=2.5", f"--host={URL}"} <= set(locust.arguments)
