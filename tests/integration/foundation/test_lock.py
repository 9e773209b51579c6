"""A file lock: one holder, and none once the holder is dead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foundation.processes.lock import FileLock

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from foundation.processes.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.try_acquire(), flush=True)
time.sleep(600)
"""


def test_it_has_one_holder(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "folder" / "lock"), FileLock(tmp_path / "folder" / "lock")
    assert first.try_acquire()
    assert first.try_acquire(), "the holder holds it"
    assert not second.try_acquire()
    assert not second.acquire(within_s=0)
    first.release()
    first.release()
    assert second.acquire(within_s=0)
    assert (tmp_path / "folder" / "lock").exists()
    second.release()


def test_a_holder_that_is_killed_gives_it_up(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert not FileLock(path).try_acquire()
        holder.kill()
        holder.wait()
        ours = FileLock(path)
        assert ours.acquire(within_s=120)
        ours.release()


def test_a_child_does_not_inherit_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.try_acquire()
    child = subprocess.Popen(["/bin/sleep", "600"], close_fds=False)
    lock.release()
    ours = FileLock(tmp_path / "lock")
    try:
        assert ours.acquire(within_s=120), "the child still holds it"  # the parent goes on a moment before exec closes the file
    finally:
        ours.release()
        child.kill()
        child.wait()


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(IsADirectoryError, match="lock"):
        FileLock(tmp_path / "lock").try_acquire()
