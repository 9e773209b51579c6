"""Processes that outlive us, and how they are known again."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stacks.clusters.embedded.processes import Processes, Server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX sessions")


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "cluster" / "processes")


def pid(processes: Processes, name: str) -> int:
    return int(json.loads((processes.folder / f"{name}.pid").read_text())["pid"])


def server_of(processes: Processes, make_server: Callable[..., Server], name: str = "etcd", **kwargs: str) -> Server:
    return make_server(name, processes.folder.parent, **kwargs)


def test_a_started_process_is_alive_and_in_a_session_of_its_own(processes: Processes, make_server: Callable[..., Server]) -> None:
    assert not processes.alive("etcd")
    assert processes.start(server_of(processes, make_server))
    assert processes.alive("etcd")
    assert os.getsid(pid(processes, "etcd")) == pid(processes, "etcd") != os.getsid(0)


def test_a_running_process_is_not_started_twice(processes: Processes, make_server: Callable[..., Server]) -> None:
    server = server_of(processes, make_server)
    processes.start(server)
    before = pid(processes, "etcd")
    assert not processes.start(server)
    assert pid(processes, "etcd") == before


def test_another_object_over_the_same_folder_knows_it(processes: Processes, make_server: Callable[..., Server]) -> None:
    processes.start(server_of(processes, make_server))
    assert Processes(processes.folder).alive("etcd")


def test_a_killed_process_is_dead_even_as_a_zombie(processes: Processes, make_server: Callable[..., Server]) -> None:
    processes.start(server_of(processes, make_server))
    os.kill(pid(processes, "etcd"), signal.SIGKILL)
    os.waitid(os.P_PID, pid(processes, "etcd"), os.WEXITED | os.WNOWAIT)
    assert not processes.alive("etcd")


def test_a_pid_that_came_back_for_another_command_is_not_ours(processes: Processes) -> None:
    processes.folder.mkdir(parents=True)
    record = {"pid": os.getpid(), "command": ["etcd", "--data-dir=elsewhere"]}
    (processes.folder / "etcd.pid").write_text(json.dumps(record))
    assert not processes.alive("etcd")
    processes.stop(["etcd"], 0.0)  # and it is left alone: we are still here
    assert not (processes.folder / "etcd.pid").exists()


@pytest.mark.parametrize("content", ["", "17", "null", '{"pid": "x"}', '{"pid": 1}'])
def test_a_pid_file_that_says_nothing_is_no_process(processes: Processes, content: str) -> None:
    processes.folder.mkdir(parents=True)
    (processes.folder / "etcd.pid").write_text(content)
    assert not processes.alive("etcd")


def test_what_a_killed_start_left_without_a_pid_file_is_ended_first(processes: Processes, make_server: Callable[..., Server]) -> None:
    server = server_of(processes, make_server)
    processes.start(server)
    stray = psutil.Process(pid(processes, "etcd"))
    (processes.folder / "etcd.pid").unlink()
    assert processes.start(server)
    assert not stray.is_running()
    assert processes.alive("etcd")


def test_the_same_server_of_another_cluster_is_no_stray(tmp_path: Path, make_server: Callable[..., Server]) -> None:
    mine, other = Processes(tmp_path / "dev" / "processes"), Processes(tmp_path / "dev-2" / "processes")
    other.start(make_server("etcd", tmp_path / "dev-2"))
    mine.start(make_server("etcd", tmp_path / "dev"))
    assert other.alive("etcd")


def test_stop_ends_several_and_forgets_them(processes: Processes, make_server: Callable[..., Server]) -> None:
    for name in ("kwok", "etcd"):
        processes.start(server_of(processes, make_server, name))
    ended = [psutil.Process(pid(processes, name)) for name in ("kwok", "etcd")]
    processes.stop(["kwok", "etcd"], 5.0)
    assert not any(process.is_running() for process in ended)
    assert not list(processes.folder.glob("*.pid"))


def test_a_process_that_ignores_the_request_is_killed(processes: Processes, make_server: Callable[..., Server]) -> None:
    ready = processes.folder / "ready"
    os.makedirs(processes.folder)
    os.mkfifo(ready)
    processes.start(server_of(processes, make_server, run=f'trap "" TERM; echo yes > {ready}; read line <> "$0"'))
    assert ready.read_text() == "yes\n"
    process = psutil.Process(pid(processes, "etcd"))
    processes.stop(["etcd"], 0.02)
    assert not process.is_running()


def test_stopping_what_does_not_run_does_nothing(processes: Processes) -> None:
    processes.stop(["etcd"], 0.0)


def test_nothing_of_our_environment_reaches_a_server(
    processes: Processes, make_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETCD_NAME", "somebody-else")
    processes.start(server_of(processes, make_server))
    assert "ETCD_NAME" not in psutil.Process(pid(processes, "etcd")).environ()


def test_the_log_has_the_last_words_and_the_one_before_is_kept(processes: Processes, make_server: Callable[..., Server]) -> None:
    for words in ("first", "second"):
        processes.start(server_of(processes, make_server, run=f"echo {words} out; echo {words} err >&2"))
        os.waitpid(pid(processes, "etcd"), 0)
    assert processes.last_words("etcd") == "    second out\n    second err"
    assert processes.log("etcd").with_suffix(".log.before").read_text() == "first out\nfirst err\n"


def test_last_words_of_a_process_that_never_ran(processes: Processes) -> None:
    assert processes.last_words("etcd") == "    (no log)"


def test_a_program_that_cannot_be_run_is_an_os_error(processes: Processes) -> None:
    with pytest.raises(OSError, match="nowhere"):
        processes.start(Server("etcd", ["/nowhere/etcd"]))
    assert not processes.alive("etcd")
