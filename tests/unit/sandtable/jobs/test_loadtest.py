"""A load test without a rehearsal: what its options mean, what is refused, what happened to the engines, what is shown."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from foundation.errors import TargetError
from foundation.measures import RequestRecord, Status
from loadtests import open_loop
from loadtests.measurement import GeneratorStats, Measurement
from sandtable.app import run as sandtable
from sandtable.document.answers.checks import LoadTest
from sandtable.errors import UsageError
from sandtable.exit_codes import ExitCode
from sandtable.jobs import loadtest
from sandtable.jobs.engines.measure import measure
from sandtable.jobs.loadtest import LoadTested, Request, load_test, locust_users
from sandtable.terminal import Steps, show_measurement
from sandtable.workspace import Workspace

PLAIN = Request(None, None, None, False, False, None, False, 8089, (), False)
QUIET = GeneratorStats("open-loop", 1, 10.0, 1.0, 0.1, 100, 100, 900, 10.0, 10.0, 0.5, 2.0, 3.0)
ROOT = Path(__file__).parents[4]


def asked(name: str, root: Path, request: Request) -> LoadTested:
    return load_test(name, Workspace(root), request, Steps(quiet=True))


@pytest.mark.parametrize(
    ("users", "asked", "rate", "expected"),
    [
        (None, None, 6.0, (24, 4.0)),
        (None, 8.0, 8.0, (32, 4.0)),
        (None, 0.1, 0.1, (1, 10.0)),
        (3, None, 6.0, (3, 0.0)),
        (3, 0.5, 0.5, (3, 6.0)),
    ],
    ids=["the environment's rate", "a rate", "a slow rate", "users alone", "users and a rate"],
)
def test_users_and_their_interval_make_the_rate(users: int | None, asked: float | None, rate: float, expected: tuple[int, float]) -> None:
    assert locust_users(replace(PLAIN, rate_per_s=asked, users=users), rate) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"open_loop": True, "users": 3}, "leave out --users, --web and --processes"),
        ({"open_loop": True, "processes": 2}, "leave out --users, --web and --processes"),
        ({"model": "chat"}, "--model 'chat': local engines serve the model of the environment"),
    ],
)
def test_options_that_cannot_be_meant_together_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        asked("nowhere", tmp_path, replace(PLAIN, **changes))


def test_a_trace_from_a_pipe_is_for_the_open_loop_which_reads_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    planned: list[int] = []

    def run(plan: Any, targets: list[str], **_: Any) -> Measurement:
        planned.append(len(plan))
        return Measurement.of([], replicas=targets, generator=QUIET)

    monkeypatch.setattr(open_loop, "run", run)
    reading, writing = os.pipe()
    with open(reading), open(writing, "w") as pipe:  # noqa: PTH123  # descriptors
        request = replace(PLAIN, trace=Path(f"/dev/fd/{reading}"), targets=("http://127.0.0.1:1",), confirmed=True)
        with pytest.raises(UsageError, match="a pipe can be read once"):
            asked("dev", tmp_path, request)
        pipe.write('{"timestamp": 0, "input_length": 9, "output_length": 3}\n')
        pipe.close()
        asked("dev", tmp_path, replace(request, open_loop=True))
    assert planned == [1]


def test_a_target_is_looked_at_before_anybody_is_asked_about_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(TargetError, match=r"'ftp://…@x' has no scheme"):
        asked("nowhere", tmp_path, replace(PLAIN, targets=("ftp://me:secret@x",)))


@pytest.mark.parametrize("key", ["two words", "line\nend", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setitem(os.environb, b"SANDTABLE_API_KEY", key.encode())  # as a shell does it, whatever the locale can name
    with pytest.raises(UsageError, match="SANDTABLE_API_KEY") as caught:
        asked("nowhere", tmp_path, replace(PLAIN, targets=("http://127.0.0.1:1",)))
    assert key not in str(caught.value)


def test_model_and_key_go_to_the_target_and_notes_into_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "t.jsonl").write_text('{"timestamp": 0, "input_length": 900, "output_length": 3}\nx\n')
    sent: dict[str, Any] = {}

    def run(_plan: Any, targets: list[str], **options: Any) -> Measurement:
        sent.update(options, targets=targets)
        return Measurement.of([], replicas=targets, generator=QUIET, notes=["said by the generator"])

    monkeypatch.setenv("SANDTABLE_API_KEY", "k-1")
    monkeypatch.setattr(open_loop, "run", run)
    url = "http://127.0.0.1:1"
    request = replace(PLAIN, open_loop=True, targets=(url,), confirmed=True, model="chat", trace=tmp_path / "t.jsonl", skip_bad_rows=True)
    measured = asked("dev", tmp_path, request).measurement
    assert (sent["model"], sent["api_key"], sent["targets"]) == ("chat", "k-1", [url])
    assert [note.split(" of")[0] for note in measured.notes] == ["1 bad row", "the lengths", "said by the generator"]


def test_a_result_that_cannot_be_kept_after_the_load_is_shown_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"), encoding="utf-8")

    def full(*_: Any) -> None:
        raise UsageError("dev.json: cannot be written: No space left on device")

    monkeypatch.setattr(open_loop, "run", lambda _plan, targets, **_: Measurement.of([], replicas=targets, generator=QUIET))
    monkeypatch.setattr("sandtable.document.writing.write_text", full)
    options = ["--open-loop", "--target", "http://127.0.0.1:1", "--yes", "--json"]
    assert sandtable(["-C", str(tmp_path), "loadtest", "dev", *options]) == ExitCode.INCONCLUSIVE
    shown = capsys.readouterr()
    assert json.loads(shown.out)["environment"] == "dev"
    assert sandtable(["-C", str(tmp_path), "loadtest", "dev", *options[:-1]]) == ExitCode.INCONCLUSIVE
    assert "the result is shown but was not kept: dev.json: cannot be written" in capsys.readouterr().err


class Engine:
    """An engine that has waited ``waited`` seconds for a core, and may be dead."""

    def __init__(self, *waited: float, dies: bool = False) -> None:
        self._waited, self._dies, self.url = list(waited), dies, "http://127.0.0.1:1"

    def alive(self) -> bool:
        return not self._dies or len(self._waited) > 1

    def waited_s(self) -> float:
        return self._waited.pop(0)

    def exit_reason(self) -> str:
        return "the engine on port 1 was ended by signal 9"


def befell(*engines: Engine, duration_s: float = 10.0) -> tuple[str, ...]:
    """Return why a load test on ``engines`` does not count."""
    record = RequestRecord(0.0, 0.0, 0.1, duration_s, 10, 5, "a")
    known: Any = engines
    return measure(lambda _step: Measurement.of([record], replicas=["a"], generator=QUIET), known, Steps(quiet=True)).invalid


def test_quiet_engines_give_no_reason() -> None:
    assert befell() == ()
    assert befell(Engine(5.0, 6.0), Engine(0.0, 2.9)) == ()


def test_a_dead_engine_and_taken_cores_make_a_run_invalid() -> None:
    assert befell(Engine(5.0, 6.0, dies=True)) == ("an engine died during the load: the engine on port 1 was ended by signal 9",)
    (reason,) = befell(Engine(5.0, 8.0))
    assert reason.startswith("other programs took the engines' cores: their threads waited 30% of the time, the limit is 20%")


def test_a_load_test_whose_engine_died_is_not_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(loadtest, "_local_engines", lambda *_, **__: ([Engine(0.0, 0.0, dies=True)], None))
    monkeypatch.setattr(open_loop, "run", lambda *_, **__: Measurement.of([], replicas=["a"], generator=QUIET))
    measured = asked("dev", tmp_path, replace(PLAIN, open_loop=True)).measurement
    assert measured.invalid[0].startswith("an engine died during the load: the engine on port 1")


def test_the_three_most_frequent_errors_are_shown() -> None:
    failed = RequestRecord(0.0, 0.0, None, 1.0, 10, 0, "a", Status.FAILED)
    records = [replace(failed, error=f"status 50{code}") for code in (4, 3, 3, 3, 2, 2, 1, 1, 1, 1)]
    measured = Measurement.of(records, replicas=["a"], generator=QUIET)
    document = LoadTest.of(measured, environment="dev", targets=["a"], generator_kind="open loop")
    shown = io.StringIO()
    show_measurement(document, Console(file=shown, width=100))
    assert all(f"{count} failed: status 50{code}" in shown.getvalue() for count, code in ((4, 1), (3, 3), (2, 2)))
    assert "status 504" not in shown.getvalue()
