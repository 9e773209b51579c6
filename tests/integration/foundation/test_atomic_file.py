"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.processes.atomic_file import replacing, write_bytes, write_text

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from foundation.processes.atomic_file import write_bytes
print("begun", flush=True)
while True:
    for letter in b"ab":
        write_bytes(Path(sys.argv[1]), bytes([letter]) * 2_000_000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_writer_that_is_ended_at_any_instant_leaves_old_or_new(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "file"
    whole = {b"a" * 2_000_000, b"b" * 2_000_000}
    path.write_bytes(b"a" * 2_000_000)
    instants = random.Random(1)
    for _ in range(12):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            until = time.monotonic() + instants.uniform(0, 0.03)  # the instant is the subject
            while time.monotonic() < until:
                assert path.read_bytes() in whole, "half of it was seen while it was written"
            writer.send_signal(number)
        assert path.read_bytes() in whole


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 64 kB: what the kernel then says is EFBIG, which reaches the writer as a full disk's ENOSPC does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_old_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="File too large"):
        write_text(path, "new" * 100_000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_the_block_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as partial:  # noqa: PT012  # the block is what is tested
        partial.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        write_bytes(tmp_path / "missing" / "file", b"")
    assert raised.value.filename == str(tmp_path / "missing" / "file")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder") as found:
        write_bytes(tmp_path / "folder", b"")
    assert (found.value.errno, found.value.filename2) == (errno.EISDIR, None)


def test_permissions_are_those_asked_for_less_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "shared", "a")
        write_text(tmp_path / "secret", "b", mode=0o600)
        write_text(tmp_path / "secret", "c", mode=0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secret").read_text() == "c"
