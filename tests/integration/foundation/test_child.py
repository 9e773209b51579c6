"""A child never outlives us, whatever instant Ctrl-C or SIGKILL hits; and its life otherwise. Real processes."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from foundation.processes.child import Child, end_session

ROOT = Path(__file__).parents[3]
#: Starts children one after the other, each with a child of its own, and says when it begins.
STARTER = """
import signal, subprocess, sys
from foundation.processes.child import Child
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.stdout.write("begun\\n"); sys.stdout.flush()
children = []
while True:
    child = Child(["/bin/sh", "-c", "sleep 600 & wait", sys.argv[1]], session=sys.argv[2] == "session", grace_s=0.05)
    children.append(child.start())
    if len(children) == 4:
        children.pop(0).stop()
"""


def marked(mark: str) -> list[psutil.Process]:
    """The processes that have the mark among their arguments; a zombie has none."""

    def has(process: psutil.Process) -> bool:
        try:
            return mark in process.cmdline()
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if has(process)]


def gone(found: Callable[[], list[psutil.Process]], within_s: float = 120.0) -> bool:
    until = time.monotonic() + within_s
    while found():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def mark() -> Iterator[str]:
    text = f"mark-{uuid.uuid4().hex}"
    yield text
    for process in marked(text):
        process.kill()


@pytest.mark.parametrize("kind", ["group", "session"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_us_at_whatever_instant_we_are_ended(mark: str, kind: str, number: signal.Signals) -> None:
    instants = random.Random(f"{kind}{number}")
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", STARTER, mark, kind], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        ) as starter:
            assert starter.stdout is not None
            assert starter.stdout.readline() == b"begun\n"
            time.sleep(instants.uniform(0, 0.03))  # the instant is the subject
            starter.send_signal(number)
            starter.wait(120)
        assert gone(lambda: marked(mark)), f"{marked(mark)} outlived their parent"


@pytest.mark.parametrize("session", [False, True])
def test_its_own_children_end_with_it(mark: str, session: bool) -> None:
    with Child(["/bin/sh", "-c", 'sh -c "sleep 600; true" "$0" & echo; wait', mark], stdout=subprocess.PIPE, session=session) as child:
        assert child.process.stdout is not None
        child.process.stdout.readline()
        assert gone(lambda: [] if len(marked(mark)) == 2 else [psutil.Process()])
        assert child.alive()
    with child.process.stdout as rest:
        assert rest.read() == b"", "whoever held the other end has ended"
    assert gone(lambda: marked(mark))


def test_in_a_session_its_children_may_have_groups_of_their_own(mark: str) -> None:
    """As Pulumi's plugins do."""
    plugin = f"import os, time; os.setpgid(0, 0); print(flush=True); time.sleep(600) # {mark}"
    line = f"{shlex.quote(sys.executable)} -c '{plugin}' {mark} & wait"
    with Child(["/bin/sh", "-c", line], stdout=subprocess.PIPE, session=True) as child:
        assert child.process.stdout is not None
        child.process.stdout.readline()
        assert len(marked(mark)) == 1
    child.process.stdout.close()
    assert gone(lambda: marked(mark))


def test_it_is_asked_before_it_is_killed() -> None:
    with Child(["/bin/sh", "-c", "trap 'exit 7' TERM; echo; while :; do sleep 0.01; done"], stdout=subprocess.PIPE) as child:
        assert child.process.stdout is not None
        child.process.stdout.readline()
        assert child.exit_reason() == ""
    child.process.stdout.close()
    assert child.exit_reason() == "ended with exit code 7"
    assert not child.alive()


def test_one_that_does_not_listen_is_killed_after_its_grace() -> None:
    with Child(["/bin/sh", "-c", "trap '' TERM; echo; while :; do sleep 0.01; done"], stdout=subprocess.PIPE, grace_s=0.05) as child:
        assert child.process.stdout is not None
        child.process.stdout.readline()
    child.process.stdout.close()
    assert child.exit_reason() == "was ended by signal 9"


def test_a_second_ctrl_c_cuts_its_grace_short() -> None:
    child = Child(["/bin/sh", "-c", "trap '' TERM; echo; while :; do sleep 0.01; done"], stdout=subprocess.PIPE, grace_s=60).start()
    assert child.process.stdout is not None
    child.process.stdout.readline()
    threading.Timer(0.05, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        child.stop()
    child.process.stdout.close()
    assert child.wait(0) == -signal.SIGKILL


def test_ctrl_c_during_its_birth_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    born: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def interrupted(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        signal.raise_signal(signal.SIGINT)
        born.append(real(*arguments, **options))  # type: ignore[call-overload]
        return born[-1]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), Child(["/bin/sleep", "600"]):
        pytest.fail("it was entered")
    assert [process.returncode for process in born] == [-signal.SIGKILL] * 2


def test_a_program_that_cannot_be_run_leaves_nothing(tmp_path: Path) -> None:
    before = psutil.Process().children()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Child(["/nowhere/program"]).start()
    with pytest.raises(FileNotFoundError), Child(["/bin/true"], log=tmp_path / "missing" / "log"):
        pass
    with Child(["/nowhere/program"], session=True) as child:
        assert child.wait(120) == 127
    assert psutil.Process().children() == before


def test_it_has_neither_our_input_nor_our_interrupts() -> None:
    with Child(["/bin/sh", "-c", "read line || echo none"], stdout=subprocess.PIPE) as child, child.process as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"none\n"
        assert os.getpgid(0) != child._watch.pid  # type: ignore[union-attr]


def test_its_last_lines_are_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of an earlier one\n")
    with Child(["/bin/sh", "-c", "echo first; echo; echo second >&2"], log=log) as child:
        child.wait(120)
    assert child.last_lines(5) == ["first", "second"]
    assert child.last_lines(1) == ["second"]
    assert log.read_text().startswith("of an earlier one\n")


def test_stopping_twice_or_before_the_start_does_nothing() -> None:
    child = Child(["/bin/true"])
    child.stop()
    assert (child.alive(), child.exit_reason(), child.last_lines(3)) == (False, "", [])
    with pytest.raises(RuntimeError, match="/bin/true has not been started"):
        _ = child.pid
    with child:
        assert child.wait(120) == 0
    child.stop()
    assert child.exit_reason() == "ended with exit code 0"


def test_what_a_killed_leader_left_in_its_session_is_ended() -> None:
    leader = subprocess.Popen(["/bin/sh", "-c", "sleep 600 &"], stdout=subprocess.PIPE, start_new_session=True, text=True)
    assert leader.stdout
    leader.wait()
    end_session(leader.pid)
    assert leader.stdout.read() == ""  # the other end is held until it ends
    leader.stdout.close()


@pytest.mark.parametrize("leader", [0, -1, os.getsid(0)])
def test_our_own_session_is_never_ended(leader: int) -> None:
    end_session(leader)
