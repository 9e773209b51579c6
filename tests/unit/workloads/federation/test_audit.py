"""Whatever is changed, removed, added or moved in an audit log is found."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workloads.federation.audit.log import AuditLog
from workloads.federation.audit.record import head_path
from workloads.federation.audit.verify import verify
from workloads.federation.errors import AuditError

KEY = Ed25519PrivateKey.from_private_bytes(b"audit".ljust(32))
PUBLIC = KEY.public_key()
TRACE = "0af7651916cd43dd8448eb211c80319c"


def written(path: Path, count: int = 4) -> AuditLog:
    log = AuditLog.create(path, KEY, clock_ms=lambda: 1_700_000_000_000)
    for number in range(count):
        log.append("epsilon spent", {"round": number, "epsilon": 0.5 + number, "client": "Zürich"}, trace_id=TRACE)
    return log


def test_a_log_as_written_holds_and_goes_on(tmp_path: Path) -> None:
    log = written(tmp_path / "audit.jsonl")
    assert verify(log.path, PUBLIC) == log.state
    again = AuditLog.open(log.path, KEY)
    again.append("stopped", {}, trace_id=TRACE)
    assert verify(log.path, PUBLIC).lines == 5


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, bytes]:
    path = written(tmp_path_factory.mktemp("audit") / "audit.jsonl").path
    return path, path.read_bytes(), head_path(path).read_bytes()


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_bit_of_log_or_head_is_found(content: tuple[Path, bytes, bytes], data: st.DataObject) -> None:
    path, log, head = content
    place = data.draw(st.integers(0, 8 * (len(log) + len(head)) - 1))
    both = bytearray(log + head)
    both[place // 8] ^= 1 << place % 8
    path.write_bytes(both[: len(log)])
    head_path(path).write_bytes(both[len(log) :])
    with pytest.raises(AuditError, match=r"audit\.jsonl"):
        verify(path, PUBLIC)


def test_a_signature_in_capital_letters_is_not_as_it_was_written(content: tuple[Path, bytes, bytes]) -> None:
    path, log, head = content
    path.write_bytes(log)
    start = head.index(b'"signature":"') + 13
    head_path(path).write_bytes(head[:start] + head[start:].upper())
    with pytest.raises(AuditError, match=r"audit\.jsonl\.head: it was changed"):
        verify(path, PUBLIC)


@given(st.permutations(range(4)), st.integers(0, 4))
def test_lines_that_are_moved_or_removed_are_found(content: tuple[Path, bytes, bytes], order: list[int], kept: int) -> None:
    path, log, head = content
    lines = log.splitlines(keepends=True)
    changed = b"".join(lines[place] for place in order[:kept])
    path.write_bytes(changed)
    head_path(path).write_bytes(head)
    if changed == log:
        assert verify(path, PUBLIC).lines == 4
    else:
        with pytest.raises(AuditError):
            verify(path, PUBLIC)


def test_lines_of_another_log_with_the_same_key_do_not_fit(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one.jsonl"), written(tmp_path / "two.jsonl", 5)
    lines = one.path.read_bytes().splitlines(keepends=True)
    one.path.write_bytes(b"".join([*lines, lines[-1]]))
    with pytest.raises(AuditError, match="line 5: a line before it was removed, added or moved"):
        verify(one.path, PUBLIC)
    with pytest.raises(AuditError, match="changed after it was signed"):
        verify(two.path, Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize("place", [1, 3])
def test_a_line_of_another_log_with_the_same_key_and_number_does_not_fit(tmp_path: Path, place: int) -> None:
    log = written(tmp_path / "audit.jsonl")
    other = AuditLog.create(tmp_path / "other.jsonl", KEY)
    for _ in range(4):
        other.append("another", {}, trace_id=TRACE)
    lines = log.path.read_bytes().splitlines(keepends=True)
    lines[place] = other.path.read_bytes().splitlines(keepends=True)[place]
    log.path.write_bytes(b"".join(lines))
    with pytest.raises(AuditError, match="removed"):
        verify(log.path, PUBLIC)


def test_lines_written_again_with_the_key_do_not_fit_the_head(tmp_path: Path) -> None:
    log = written(tmp_path / "audit.jsonl")
    other = AuditLog.create(tmp_path / "other.jsonl", KEY)
    for _ in range(4):
        other.append("another", {}, trace_id=TRACE)
    log.path.write_bytes(other.path.read_bytes())
    with pytest.raises(AuditError, match="lines were removed or added at the end"):
        verify(log.path, PUBLIC)


def test_a_writer_that_was_killed_in_a_line_or_before_the_head_loses_nothing(tmp_path: Path) -> None:
    log = written(tmp_path / "audit.jsonl", 3)
    head = head_path(log.path).read_bytes()
    log.append("last", {}, trace_id=TRACE)
    head_path(log.path).write_bytes(head)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b'{"at_ms":17')
    assert AuditLog.open(log.path, KEY).state.lines == 4
    assert log.path.read_bytes() == whole
    assert verify(log.path, PUBLIC).lines == 4


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = written(tmp_path / "audit.jsonl")
    before = log.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(AuditError, match=r"audit\.jsonl cannot be written: No space left on device"):
            log.append("lost", {}, trace_id=TRACE)
    assert log.path.read_bytes() == before
    log.append("written", {}, trace_id=TRACE)
    assert verify(log.path, PUBLIC).lines == 5


def test_what_cannot_be_logged_is_refused(tmp_path: Path) -> None:
    log = written(tmp_path / "audit.jsonl")
    with pytest.raises(AuditError, match="trace id"):
        log.append("event", {}, trace_id="0AF7")
    with pytest.raises(AuditError, match="without a form in JSON"):
        log.append("event", {"epsilon": float("nan")}, trace_id=TRACE)
    with pytest.raises(AuditError, match="cannot be begun: File exists"):
        AuditLog.create(log.path, KEY)
    with pytest.raises(AuditError, match="cannot be read"):
        AuditLog.open(tmp_path / "none.jsonl", KEY)
