"""A server that is killed at any write, and started again, gives the same model and spends nothing twice."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.workloads.federation.federations import Federation, definition
from workloads.federation.audit.verify import verify
from workloads.federation.compliance.journal import audit_key, check_journal, events
from workloads.federation.definition import Definition, Privacy
from workloads.federation.errors import AlteredError, FederationError, LedgerError, StateError
from workloads.federation.rounds.in_process import run
from workloads.federation.rounds.messages import ToClient, ToServer

RECORD = Privacy(unit="record", epsilon=8.0, accountant="rdp")
CLIENT = Privacy(unit="client", epsilon=8.0)
PRIVACIES = pytest.mark.parametrize("privacy", [RECORD, CLIENT], ids=["record", "client"])


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the server runs after it."""


@contextmanager
def killed_at(points: Iterator[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Raise before or after each file operation of the server whose number is among the points; yields the number of operations so far."""
    count, upcoming = [0], [next(points, 0)]

    def wrapped(function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **keywords: object) -> object:
            path = f"/proc/self/fd/{args[0]}" if isinstance(args[0], int) else args[0]
            if "server" not in os.path.realpath(str(path)):
                return function(*args, **keywords)
            for after in (False, True):
                count[0] += 1
                if count[0] == upcoming[0]:
                    upcoming[0] = next(points, 0)
                    raise Killed
                result = None if after else function(*args, **keywords)
            return result

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", wrapped(os.fsync))
        patch.setattr(Path, "replace", wrapped(Path.replace))
        yield count


def run_through(federation: Federation) -> int:
    """Run to the end, with a new server after each kill; return the number of kills."""
    kills = 0
    while True:
        try:
            coordinator = federation.start()
            run(coordinator, federation.participants)
        except Killed:
            kills += 1
        else:
            assert coordinator.finished, coordinator.stage
            return kills


def spending(federation: Federation) -> list[object]:
    """Return what every ledger says, without the name of the run."""
    ledgers = [participant.site.ledger for participant in federation.participants] + [federation.coordinator.store.ledger]
    return [[(entry.release_id.split("/", 1)[1], entry.epsilon, entry.count) for entry in ledger.entries] for ledger in ledgers if ledger]


def check_equal(federation: Federation, undisturbed: Federation) -> None:
    progress = federation.coordinator.store.progress
    expected = undisturbed.coordinator.store.progress
    np.testing.assert_array_equal(progress.state.parameters, expected.state.parameters)
    assert [(each.accuracy, each.epsilon, each.contributors) for each in progress.history] == [
        (each.accuracy, each.epsilon, each.contributors) for each in expected.history
    ]
    assert spending(federation) == spending(undisturbed)
    log = federation.folder / "server" / "audit.jsonl"
    verify(log, audit_key(log.parent).public_key())
    entries = [(entry["event"], entry["fields"]["key"]) for entry in events(log)]
    assert len(entries) == len(set(entries))
    assert [key.partition("/")[2] for event, key in entries if event == "round closed"] == [str(each.number) for each in expected.history]
    if ledger := federation.coordinator.store.ledger:
        assert [key for event, key in entries if event == "epsilon spent"] == [entry.release_id for entry in ledger.entries]


def undisturbed(folder: Path, terms: Definition) -> Federation:
    federation = Federation(folder, terms)
    federation.run()
    return federation


@PRIVACIES
def test_killed_once_before_and_after_each_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, privacy: Privacy) -> None:
    terms = definition(rounds=1, privacy=privacy)
    expected = undisturbed(tmp_path / "undisturbed", terms)
    with killed_at(iter(()), monkeypatch) as count:
        Federation(tmp_path / "counted", terms).run()
    assert count[0] >= 30
    for point in range(1, count[0] + 1):
        federation = Federation(tmp_path / f"run {point}", terms)
        shutil.rmtree(federation.folder / "server")  # it was made outside; its making is to be disturbed too
        with killed_at(iter((point,)), monkeypatch):
            assert run_through(federation) <= 1
        check_equal(federation, expected)


@PRIVACIES
def test_killed_fifty_times_in_twenty_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, privacy: Privacy) -> None:
    terms = definition(rounds=20, privacy=privacy)
    expected = undisturbed(tmp_path / "undisturbed", terms)
    federation = Federation(tmp_path / "killed", terms)
    points = np.cumsum(np.random.default_rng(5).integers(3, 18, 50)).tolist()
    with killed_at(iter(points), monkeypatch):
        assert run_through(federation) == 50
    check_equal(federation, expected)


def test_clients_that_are_killed_send_the_update_that_they_have_paid_for(tmp_path: Path) -> None:
    terms = definition(rounds=4, privacy=RECORD)
    expected = undisturbed(tmp_path / "undisturbed", terms)
    federation = Federation(tmp_path / "killed", terms)
    seen: set[int] = set()

    def stops_after_training(message: ToServer | ToClient) -> bool:
        if type(message.body).__name__ == "Trained" and message.number not in seen:
            seen.add(message.number)
            raise Killed
        return True

    while not federation.coordinator.finished:
        try:
            run(federation.coordinator, federation.participants, wire=stops_after_training)
        except Killed:
            noise = [
                participant.site._random_bytes for participant in federation.participants
            ]  # the generator goes on, as the system's does
            federation.participants = [federation.participant(name) for name in federation.records]
            for participant, source in zip(federation.participants, noise, strict=True):
                participant.site._random_bytes = source
    assert seen == {1, 2, 3, 4}
    check_equal(federation, expected)


@PRIVACIES
def test_a_full_disk_releases_nothing_and_the_run_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, privacy: Privacy) -> None:
    terms = definition(rounds=2, privacy=privacy)
    expected = undisturbed(tmp_path / "undisturbed", terms)
    federation = Federation(tmp_path / "full", terms)
    full = tmp_path / "full" / ("server" if privacy is CLIENT else "c1") / "ledger.json"
    rename = Path.replace

    def no_space(self: Path, target: Path) -> Path:
        if target == full:
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return rename(self, target)

    sources = [participant.site._random_bytes for participant in federation.participants]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", no_space)
        with pytest.raises(LedgerError, match=r"ledger.json cannot be written: No space left on device; nothing was released"):
            run(federation.coordinator, federation.participants)
        assert not federation.coordinator.store.progress.history
    federation.participants = [federation.participant(name) for name in federation.records]
    for participant, source in zip(federation.participants, sources, strict=True):
        participant.site._random_bytes = source
    run_through(federation)
    check_equal(federation, expected)


def test_an_old_round_is_not_trained_again_for_free(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=2, privacy=RECORD))
    trains: list[ToClient] = []

    def keep(message: ToServer | ToClient) -> bool:
        if isinstance(message, ToClient) and message.receiver == "c0" and type(message.body).__name__ == "Train":
            trains.append(message)
        return True

    federation.run(keep)
    site, before = federation.participants[0].site, federation.participants[0].site.epsilon
    with pytest.raises(FederationError, match="has finished round 1 of this model"):
        site.update(trains[0].run, 1, trains[0].body)  # type: ignore[arg-type]
    assert site.update(trains[1].run, 2, trains[1].body).repeated  # type: ignore[arg-type]
    assert site.epsilon == before
    other = replace(trains[1].body, parameters=trains[1].body.parameters + 1)  # type: ignore[union-attr, type-var]
    with pytest.raises(FederationError, match="would raise epsilon"):
        site.update(trains[1].run, 2, other)  # type: ignore[arg-type]


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "server").write_text("a file")
    with pytest.raises(StateError, match=r"cannot be kept in .*server"):
        Federation(tmp_path, definition())


def test_a_ledger_that_is_gone_is_never_begun_anew(tmp_path: Path) -> None:
    server = undisturbed(tmp_path / "sums", definition(rounds=2, privacy=CLIENT))
    ledger = server.folder / "server" / "ledger.json"
    assert "2 entries, each in the log" in check_journal(ledger.parent)[-1]
    damaged = ledger.read_bytes()
    for content in (None, b"{}", b"[]", b"\xff", damaged.replace(b'"count": 1', b'"count": 0', 1)):
        ledger.unlink() if content is None else ledger.write_bytes(content)
        with pytest.raises(AlteredError, match=r"ledger.json"):
            check_journal(ledger.parent)
        with pytest.raises(LedgerError, match=r"ledger.json"):
            server.start()
    client = undisturbed(tmp_path / "records", definition(rounds=2, privacy=RECORD))
    (client.folder / "c1" / "ledger.json").unlink()
    with pytest.raises(LedgerError, match=r"c1/ledger.json is missing, and releases were made: restore it"):
        client.participant("c1")


def test_a_server_that_starts_on_a_full_disk_says_so_and_starts_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    federation = undisturbed(tmp_path, definition(rounds=1, privacy=CLIENT))

    def no_space(self: Path, *_: object, **__: object) -> object:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", no_space)
        with pytest.raises(FederationError, match=r"audit.jsonl cannot be continued: No space left on device"):
            federation.start()
    assert federation.start().finished
