"""How the Pulumi CLI is run and stopped, with shell scripts in its place."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pulumi.automation import CommandResult
from pulumi.automation.errors import CommandError, ConcurrentUpdateError

from stacks.deployment import command as module
from stacks.deployment.command import InterruptibleCommand

#: A shell that is waiting for a child acts on a signal at once.
WAIT = "sleep 600 & wait"

Run = Callable[..., CommandResult]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a script as ``pulumi stack ls``."""

    def run(script: str, **options: object) -> CommandResult:
        program = tmp_path / "pulumi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        command = InterruptibleCommand(str(program), "3.250.0")
        return command.run(["stack", "ls"], str(tmp_path), {"PULUMI_BACKEND_URL": "file:///state"}, **options)  # type: ignore[arg-type]

    return run


def interrupt(line: str) -> None:
    """Be the user's Ctrl-C, once a line of the script says that it is ready."""
    if line.startswith("ready"):
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)


def at_work(folder: Path) -> list[psutil.Process]:
    """Processes in the folder in which the scripts run; a zombie is in none."""
    return [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)]


def test_its_output_comes_back_and_is_told_line_by_line(run: Run) -> None:
    told: list[str] = []
    failed: list[str] = []
    result = run("echo one; echo two; echo three >&2", on_output=told.append, on_error=failed.append)
    assert (result.stdout, result.stderr, result.code) == ("one\ntwo", "three", 0)
    assert (told, failed) == (["one", "two"], ["three"])


def test_much_output_on_both_sides_does_not_block_it(run: Run) -> None:
    result = run("i=0; while [ $i -lt 20000 ]; do echo 0123456789; echo 0123456789 >&2; i=$((i+1)); done")
    assert len(result.stdout) == len(result.stderr) == 20_000 * 11 - 1


def test_it_gets_its_arguments_folder_and_variables(run: Run, tmp_path: Path) -> None:
    told = run('echo "$@"; pwd; echo $PULUMI_BACKEND_URL $PULUMI_AUTOMATION_API; read line || echo no input').stdout.splitlines()
    assert told == ["--non-interactive stack ls", str(tmp_path), "file:///state true", "no input"]


def test_a_failure_carries_all_that_was_printed(run: Run) -> None:
    with pytest.raises(CommandError) as raised:
        run("echo partly done; echo 'error: refused' >&2; exit 255")
    for words in ("partly done", "error: refused", "255"):
        assert words in str(raised.value)


def test_a_locked_state_is_an_error_of_its_own(run: Run) -> None:
    with pytest.raises(ConcurrentUpdateError):
        run("echo 'error: the stack is currently locked by 1 lock(s)' >&2; exit 255")


def test_an_interrupt_is_passed_on_and_its_end_is_waited_for(run: Run, tmp_path: Path) -> None:
    script = f"trap 'echo writing the state; touch {tmp_path}/state; exit 1' INT; echo ready; {WAIT}"
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(script, on_output=lambda line: (told.append(line), interrupt(line)))
    assert (tmp_path / "state").exists()
    assert told == ["ready", "writing the state"]
    assert at_work(tmp_path) == []


def test_a_second_interrupt_kills_it_with_its_plugins(run: Run, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(f"trap 'echo ready again; {WAIT}' INT; echo ready; {WAIT}", on_output=interrupt)
    assert at_work(tmp_path) == []


def test_one_that_does_not_stop_is_killed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(f"trap '' INT; echo ready; {WAIT}", on_output=interrupt)
    assert at_work(tmp_path) == []


def test_a_plugin_that_outlives_it_is_ended_and_does_not_hold_us_up(run: Run, tmp_path: Path) -> None:
    assert run("sleep 600 & echo $!").code == 0
    assert at_work(tmp_path) == []


def test_the_terminals_ctrl_c_does_not_reach_it(run: Run) -> None:
    assert int(run("ps -o sid= -p $$").stdout) != os.getsid(0)


def test_bytes_that_are_no_text_do_not_end_it(run: Run, tmp_path: Path) -> None:
    """A reader that dies closes the pipe, and Pulumi with it."""
    result = run(f"printf 'a \\377 byte\\n'; i=0; while [ $i -lt 9999 ]; do echo line; i=$((i+1)); done; touch {tmp_path}/end")
    assert result.stdout.startswith("a \N{REPLACEMENT CHARACTER} byte\nline\n")
    assert (tmp_path / "end").exists()
