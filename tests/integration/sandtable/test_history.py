"""``sandtable history``: recorded by what it records, read by version, and never in the way."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from sandtable.app import run
from sandtable.document.answers.deployment import Update
from sandtable.document.parts.cost import RunCost
from sandtable.document.parts.outcome import Outcome, Quantiles
from sandtable.document.rehearsal import Rehearsal
from sandtable.jobs.history import record_change, record_rehearsal
from sandtable.workspace import Workspace
from workloads.ports.recorder import NewRecord
from workloads.records.recorders.sqlite import SqliteRecorder


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def judged(p95: float) -> Rehearsal:
    measured = Outcome(ttft_ms=Quantiles(p50=90, p95=p95, n=120, ci95={"p95": (p95 - 5, None)}), n=120)
    return Rehearsal(environment="dev", verdict="ship", exit_code=0, measured=measured, cost=RunCost(monthly_usd=12.5))


def refused(text: str) -> None:
    raise AssertionError(text)


def test_rehearsals_and_deployments_come_back_in_order(space: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    record_change(space, "dev", "up", Update(changes={"create": 3}, seconds=1.5), refused)
    first = record_rehearsal(space, "run-1", judged(140), refused)
    second = record_rehearsal(space, "run-2", judged(150), refused)
    assert first
    assert second
    assert [entry.run for entry in second.entries] == [None, "run-1", "run-2"]
    assert run(["-C", str(space.root), "history", "dev", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["trends"]["measured.p95_ttft_ms"] == {"n": 2, "lowest": 140, "median": 145, "highest": 150, "last": 150}
    assert document["entries"][1]["measured"]["p95_ttft_ci95"] == [135, None]
    assert run(["-C", str(space.root), "history", "Pulumi.dev.yaml", "--last", "1"]) == 0
    assert "2 older entries left out by --last" in capsys.readouterr().out


def test_a_run_is_recorded_once(space: Workspace) -> None:
    for _ in range(2):
        history = record_rehearsal(space, "run-1", judged(140), refused)
    assert history
    assert len(history.entries) == 1


def test_what_a_newer_version_wrote_is_counted(space: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    record_rehearsal(space, "run-1", judged(140), refused)
    recorder = SqliteRecorder(space.folder / "history.db")
    recorder.append("environment/dev", None, [NewRecord(bytes(16), "drill-ended", 1, b"{}")], 0)
    recorder.close()
    assert run(["-C", str(space.root), "history", "dev"]) == 0
    assert "1 entry cannot be read by this version" in capsys.readouterr().out


@pytest.mark.parametrize("harm", ["damaged", "locked", "newer", "folder"])
def test_a_history_that_is_broken_is_never_in_the_way(
    space: Workspace, harm: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandtable.jobs.history._BUSY_S", 0.01)
    path, holder = space.prepare() / "history.db", None
    if harm == "folder":
        path.mkdir()
    elif harm == "damaged":
        path.write_bytes(b"no database, but a file of some length" * 30)
    else:
        SqliteRecorder(path).close()
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("PRAGMA user_version = 9" if harm == "newer" else "BEGIN IMMEDIATE")
    said: list[str] = []
    assert record_rehearsal(space, "run-1", judged(140), said.append) is None
    record_change(space, "dev", "down", Update(changes={}, seconds=1), said.append)
    assert len(said) == 2
    assert all(text.startswith("not recorded in the history: ") and "history.db" in text for text in said)
    if harm != "folder":
        assert run(["-C", str(space.root), "history", "dev"]) == 2
        assert capsys.readouterr().err.startswith("error: ")
    if holder:
        holder.close()


def test_without_a_history_the_command_says_what_begins_one(space: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(space.root), "history", "dev"]) == 7
    assert "`sandtable rehearse dev` starts one" in capsys.readouterr().err
    assert not space.folder.exists()
