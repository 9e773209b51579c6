"""Whose a lock is, what a checkpoint holds, and what is left out of a killed run's state."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from foundation.processes.child import end_session
from stacks.deployment.state import StateFolder, outputs, without_pending_operations
from stacks.environment.file import PROJECT
from stacks.errors import DeploymentError, StateLockedError

Lock = Callable[..., Path]


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path, "dev")


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    """Return a function that takes the lock as Pulumi does."""

    def take(pid: int, *, host: str = socket.gethostname(), since: str = "2100-01-01T00:00:00.123456789Z", stack: str = "dev") -> Path:
        folder = tmp_path / ".pulumi" / "locks" / "organization" / PROJECT / stack
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{len(list(folder.iterdir()))}.json"
        path.write_text(json.dumps({"pid": pid, "username": "ann", "hostname": host, "timestamp": since}))
        return path

    return take


def ended() -> int:
    """A process number that nobody has any more."""
    with subprocess.Popen(["/bin/true"]) as process:
        pass
    return process.pid


class TestLocks:
    def test_there_are_none_before_the_first_run(self, state: StateFolder) -> None:
        assert state.locks() == []
        assert not state.release_stale_locks()

    def test_a_run_that_is_at_work_is_named_with_the_fix(self, state: StateFolder, lock: Lock) -> None:
        path = lock(os.getpid())
        with pytest.raises(StateLockedError) as raised:
            state.release_stale_locks()
        assert f"pid {os.getpid()} of ann on {socket.gethostname()} since 2100" in str(raised.value)
        assert f"kill -INT {os.getpid()}" in str(raised.value)
        assert path.exists()

    def test_the_lock_of_a_run_that_ended_is_removed(self, state: StateFolder, lock: Lock) -> None:
        path = lock(ended())
        assert state.release_stale_locks()
        assert not path.exists()

    def test_a_run_that_nobody_has_reaped_has_ended(self, state: StateFolder, lock: Lock) -> None:
        with subprocess.Popen(["/bin/true"]) as process:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            path = lock(process.pid)
            assert state.release_stale_locks()
        assert not path.exists()

    def test_a_number_that_came_back_is_not_the_run(self, state: StateFolder, lock: Lock) -> None:
        """The process with the lock's number began after the lock was taken."""
        begun = dt.datetime.fromtimestamp(psutil.Process().create_time(), dt.UTC)
        path = lock(os.getpid(), since=(begun - dt.timedelta(hours=1)).isoformat())
        assert state.release_stale_locks()
        assert not path.exists()

    def test_on_another_machine_only_the_user_can_tell(self, state: StateFolder, lock: Lock) -> None:
        path = lock(ended(), host="another")
        with pytest.raises(StateLockedError, match=r"on another since .* `sandtable up dev --unlock`"):
            state.release_stale_locks()
        assert state.release_stale_locks(elsewhere=True)
        assert not path.exists()

    def test_only_sessions_of_this_machine_that_lost_their_leader_are_ended(
        self, state: StateFolder, lock: Lock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not that of a number on another machine, and not that of whoever has the number now."""
        asked: list[int] = []
        monkeypatch.setattr("stacks.deployment.state.end_session", asked.append)
        gone = ended()
        lock(gone)
        lock(gone + 1, host="another")
        lock(os.getpid(), since="2000-01-01T00:00:00Z")
        state.release_stale_locks(elsewhere=True)
        assert asked == [gone]

    def test_unlocking_spares_a_run_on_this_machine(self, state: StateFolder, lock: Lock) -> None:
        lock(os.getpid())
        with pytest.raises(StateLockedError):
            state.release_stale_locks(elsewhere=True)

    def test_one_run_at_work_keeps_all_locks(self, state: StateFolder, lock: Lock) -> None:
        stale = lock(ended())
        lock(os.getpid())
        with pytest.raises(StateLockedError):
            state.release_stale_locks()
        assert stale.exists()

    @pytest.mark.parametrize("content", ["", '{"pid": ', "[]", "{}", '{"pid": "x"}', '{"pid": null}'])
    def test_half_written_it_is_nobodys(self, state: StateFolder, lock: Lock, content: str) -> None:
        path = lock(0)
        path.write_text(content)
        assert state.release_stale_locks()
        assert not path.exists()

    def test_that_cannot_be_read_it_is_somebodys(self, state: StateFolder, lock: Lock) -> None:
        """As another user's file that only they may read; a folder is refused to root too."""
        path = lock(ended())
        path.unlink()
        path.mkdir()
        with pytest.raises(StateLockedError, match="cannot be read to see by whom") as raised:
            state.release_stale_locks(elsewhere=True)
        assert str(path) in str(raised.value)
        assert path.exists()

    def test_other_stacks_are_left_alone(self, state: StateFolder, lock: Lock) -> None:
        other = lock(os.getpid(), stack="prod")
        assert state.locks() == []
        state.release_stale_locks()
        assert other.exists()


def test_what_a_killed_run_left_in_its_session_is_ended() -> None:
    """Pulumi starts its plugins in its own session; they outlive it."""
    leader = subprocess.Popen(["/bin/sh", "-c", "sleep 600 &"], stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert leader.stdout
    leader.wait()
    end_session(leader.pid)
    assert leader.stdout.read() == ""  # the plugin holds the other end until it ends
    leader.stdout.close()


@pytest.mark.parametrize("leader", [0, -1, os.getsid(0)])
def test_our_own_session_is_never_ended(leader: int) -> None:
    end_session(leader)


class TestCheckpoint:
    def put(self, state: StateFolder, content: bytes, suffix: str = ".json") -> Path:
        path = state.folder / ".pulumi" / "stacks" / PROJECT / f"dev{suffix}"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path

    def document(self, latest: Any) -> bytes:
        return json.dumps({"version": 3, "checkpoint": {"stack": "dev", "latest": latest}}).encode()

    def test_never_deployed(self, state: StateFolder) -> None:
        assert state.checkpoint is None
        assert state.read()["deployment"]["resources"] == []

    def test_made_and_not_yet_deployed(self, state: StateFolder) -> None:
        self.put(state, self.document(None))
        assert state.read() == {"version": 3, "deployment": {"manifest": {}, "resources": []}}

    def test_deployed(self, state: StateFolder) -> None:
        latest = {"manifest": {"version": "v3"}, "resources": [{"urn": "a"}]}
        self.put(state, self.document(latest))
        assert state.read() == {"version": 3, "deployment": latest}

    def test_compressed(self, state: StateFolder) -> None:
        self.put(state, gzip.compress(self.document({"resources": [{"urn": "a"}]})), ".json.gz")
        assert state.read()["deployment"]["resources"] == [{"urn": "a"}]

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 3}', b"\xff\xfe"])
    def test_broken_it_is_named_with_its_copies(self, state: StateFolder, content: bytes) -> None:
        path = self.put(state, content)
        with pytest.raises(DeploymentError, match="backups") as raised:
            state.read()
        assert str(path) in str(raised.value)


class TestPendingOperations:
    def test_there_are_none(self) -> None:
        for deployment in ({}, {"pending_operations": None}, {"pending_operations": []}):
            assert without_pending_operations({"version": 3, "deployment": deployment}) is None
        assert without_pending_operations({"version": 3, "deployment": None}) is None

    def test_they_are_left_out_and_all_else_is_kept(self) -> None:
        state = {"version": 3, "deployment": {"resources": [{"urn": "a"}], "pending_operations": [{"type": "creating"}], "metadata": {}}}
        kept = json.dumps(state)
        cleared = without_pending_operations(state)
        assert cleared == {"version": 3, "deployment": {"resources": [{"urn": "a"}], "pending_operations": [], "metadata": {}}}
        assert json.dumps(state) == kept, "the state that was given is not changed"


def test_outputs_are_those_of_the_stack_itself() -> None:
    resources = [
        {"type": "pulumi:pulumi:Stack", "outputs": {"environment": "dev"}},
        {"type": "kubernetes:core/v1:ConfigMap", "outputs": {"id": "a"}},
    ]
    assert outputs({"deployment": {"resources": resources}}) == {"environment": "dev"}
    assert outputs({"deployment": {"resources": resources[1:]}}) == {}
    assert outputs({"deployment": None}) == {}
