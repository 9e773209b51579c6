"""Plain processes: found again by pid and command line, never by name, and ended with their like."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from foundation.processes.detached import end_processes
from stacks.clusters import kept_to
from stacks.clusters.embedded.processes import Processes, Server
from tests.integration.environ import environ_of

SLEEP = Server("sleeper", ("/bin/sleep", "600"))


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(tmp_path / "cluster" / "processes")
    yield found
    found.stop(["sleeper", "other"], 5)


def pid(processes: Processes, name: str = "sleeper") -> int:
    return int(json.loads((processes.folder / f"{name}.pid").read_text())["pid"])


def script(text: str) -> Server:
    return Server("sleeper", ("/bin/sh", "-c", text))


def test_it_runs_until_it_is_stopped(processes: Processes) -> None:
    assert not processes.alive("sleeper")
    assert processes.start(SLEEP)
    assert processes.alive("sleeper")
    processes.stop(["sleeper"], 5)
    assert not processes.alive("sleeper")
    assert list(processes.folder.glob("*.pid")) == []


def test_a_second_start_leaves_it_alone(processes: Processes) -> None:
    processes.start(SLEEP)
    before = pid(processes)
    assert not processes.start(SLEEP)
    assert pid(processes) == before


def test_it_is_found_by_whoever_looks_into_the_folder(processes: Processes) -> None:
    processes.start(SLEEP)
    assert Processes(processes.folder).alive("sleeper")


def test_a_killed_one_is_not_alive_though_nobody_has_reaped_it(processes: Processes) -> None:
    processes.start(SLEEP)
    child = psutil.Process(pid(processes))
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert child.status() == psutil.STATUS_ZOMBIE
    assert not processes.alive("sleeper")
    assert processes.start(SLEEP)


def test_one_that_ignores_sigterm_is_killed(processes: Processes, tmp_path: Path) -> None:
    ready, never = tmp_path / "ready", tmp_path / "never"
    os.mkfifo(ready)
    os.mkfifo(never)
    processes.start(script(f"trap '' TERM; echo > {ready}; read _ < {never}"))
    ready.read_text()
    child = psutil.Process(pid(processes))
    processes.stop(["sleeper"], 0.05)
    assert not child.is_running()


@pytest.mark.parametrize("record", ['{"pid": %d, "command": ["/bin/sleep", "601"]}', '{"pid": %d}', "%d", "", "no json"])
def test_a_number_that_came_back_is_not_taken_for_ours(processes: Processes, record: str) -> None:
    """The pid file names a process of somebody else: it is neither alive for us nor ended."""
    processes.start(Server("other", ("/bin/sleep", "600")))
    somebodys = pid(processes, "other")
    (processes.folder / "sleeper.pid").write_text(record % somebodys if "%d" in record else record)
    assert not processes.alive("sleeper")
    processes.stop(["sleeper"], 5)
    assert processes.alive("other")


@pytest.mark.parametrize("broken", ["removed", "{", "the whole folder"])
def test_stop_ends_what_no_pid_file_tells_of(processes: Processes, tmp_path: Path, broken: str) -> None:
    program, fifo = tmp_path / "sleeper", tmp_path / "fifo"
    program.symlink_to("/bin/sh")
    os.mkfifo(fifo)
    processes.start(Server("sleeper", (str(program), "-c", f"read line < {fifo}", f"--data={tmp_path / 'cluster' / 'data'}")))
    running = psutil.Process(pid(processes))
    if broken == "the whole folder":
        shutil.rmtree(processes.folder.parent)
    elif broken == "removed":
        (processes.folder / "sleeper.pid").unlink()
    else:
        (processes.folder / "sleeper.pid").write_text(broken)
    processes.stop(["sleeper"], 5)
    assert not running.is_running() or running.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("folder", ["cluster", "another"])
def test_a_stray_of_a_start_that_was_killed_is_ended(processes: Processes, tmp_path: Path, folder: str) -> None:
    """Its pid was never written down, but its command line names the cluster's folder; one that names another is left alone."""
    program, fifo = tmp_path / "sleeper", tmp_path / "fifo"
    program.symlink_to("/bin/sh")
    os.mkfifo(fifo)
    server = Server("sleeper", (str(program), "-c", f"read line < {fifo}", f"--data={tmp_path / folder / 'data'}"))
    processes.start(server)
    first = psutil.Process(pid(processes))
    (processes.folder / "sleeper.pid").unlink()
    processes.start(server)
    assert first.is_running() is (folder == "another")
    assert processes.alive("sleeper")
    psutil.Process(pid(processes)).kill()
    if first.is_running():
        first.kill()


def test_a_launcher_is_gone_when_the_start_returns_and_the_command_is_the_process(processes: Processes) -> None:
    """As with nsenter, which takes a while to become the server."""
    launcher = ("/bin/sh", "-c", 'sleep 0.1; exec "$@"', "launcher")
    processes.start(Server("sleeper", SLEEP.command, through=launcher))
    assert psutil.Process(processes.pid("sleeper")).cmdline() == list(SLEEP.command)
    processes.stop(["sleeper"], 5)
    with pytest.raises(LookupError, match="sleeper is not running"):
        processes.pid("sleeper")


def test_a_launcher_that_fails_is_told_by_the_log(processes: Processes) -> None:
    processes.start(Server("sleeper", SLEEP.command, through=("/bin/sh", "-c", "echo no such namespace; exit 1", "launcher")))
    assert not processes.alive("sleeper")
    assert "no such namespace" in processes.last_words("sleeper")


def test_one_that_has_ended_and_is_not_reaped_is_not_waited_for() -> None:
    """Its parent here never asks for it, as the init of some virtual machines, which does so late."""
    parent = subprocess.Popen(["/bin/sh", "-c", "sleep 600 & echo $!; exec sleep 600"], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        orphan = psutil.Process(int(parent.stdout.readline()))
        begun = time.monotonic()
        end_processes([orphan], 30)
        assert time.monotonic() - begun < 10
        assert orphan.status() == psutil.STATUS_ZOMBIE
    finally:
        parent.kill()
        parent.communicate()


def test_the_callers_environment_does_not_reach_it(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETCD_NAME", "another")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid")
    processes.start(SLEEP)
    environment = environ_of(pid(processes))
    assert set(environment) == {"PATH", "HOME"}
    assert environment["HOME"] == str(processes.folder)


def test_it_has_a_session_of_its_own(processes: Processes) -> None:
    """A Ctrl-C in the terminal goes to a process group; ours must not be in it."""
    processes.start(SLEEP)
    assert os.getsid(pid(processes)) == pid(processes) != os.getsid(0)


def test_the_log_of_the_time_before_is_kept_and_the_last_words_are_quoted(processes: Processes) -> None:
    for words in ("first", "second"):
        processes.start(script(f"echo {words}; echo more >&2"))
        psutil.Process(pid(processes)).wait(120)
    assert processes.last_words("sleeper") == "    second\n    more"
    assert processes.log("sleeper").with_suffix(".log.before").read_text() == "first\nmore\n"
    assert processes.log("sleeper").stat().st_mode & 0o777 == 0o600


def test_without_a_log_there_are_no_last_words(processes: Processes) -> None:
    assert processes.last_words("sleeper") == "    (no log)"


def test_a_program_that_is_not_there(processes: Processes) -> None:
    with pytest.raises(FileNotFoundError):
        processes.start(Server("sleeper", ("/nowhere/sleeper",)))
    assert not processes.alive("sleeper")


def test_it_is_kept_to_some_cores_with_every_thread_and_then_let_go(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    threads = (
        "import threading; never = threading.Event(); threading.Thread(target=never.wait).start(); "
        f"open({str(ready)!r}, 'w').close(); never.wait()"
    )
    folder = tmp_path / ".sandtable" / "clusters" / "dev"
    processes = Processes(folder / "processes")
    processes.start(Server("etcd", (sys.executable, "-c", threads)))
    try:
        ready.read_text()
        tasks = [int(task.name) for task in Path(f"/proc/{pid(processes, 'etcd')}/task").iterdir()]
        everywhere = os.sched_getaffinity(0)
        some = frozenset({min(everywhere)})
        assert len(tasks) == 2
        with kept_to(some, tmp_path):
            assert [os.sched_getaffinity(task) for task in tasks] == [some, some]
        assert [os.sched_getaffinity(task) for task in tasks] == [everywhere, everywhere]
        with kept_to(some, tmp_path):
            processes.stop(["etcd"], 5)  # one that ends meanwhile is no obstacle
    finally:
        processes.stop(["etcd"], 5)
