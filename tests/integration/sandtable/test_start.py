"""What only a process of its own shows: how fast and how light the help is, how shells complete, and what streams may be like."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
#: Commands in a line for a shell, wherever the checkout lies.
PYTHON = shlex.quote(sys.executable)
SANDTABLE = f"{PYTHON} -m sandtable"
HEAVY = {
    "aiohttp",
    "cel_expr_python",
    "gevent",
    "grpc",
    "jinja2",
    "kubernetes",
    "locust",
    "numpy",
    "policies",
    "psutil",
    "pulumi",
    "pydantic",
    "simpy",
    "simulations",
    "stacks",
    "toolchain",
    "xllamacpp",
    "yaml",
}
CPU_S = 0.6  # twice what the figure allows for the wall on a quiet machine: the CPU of a busy one is slower too
COMMANDS = [
    "rehearse",
    "whatif",
    "loadtest",
    "emulate",
    "report",
    "history",
    "graph",
    "check",
    "doctor",
    "schema",
    "preview",
    "up",
    "refresh",
    "down",
    "cluster",
]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import json, resource, sys; from sandtable import app; code = app.run(['--help']);"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        "print(json.dumps([code, used.ru_utime + used.ru_stime, sorted(sys.modules)]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=180, check=True)
    exit_code, cpu_s, modules = json.loads(done.stderr)
    assert exit_code == 0
    assert HEAVY & {name.partition(".")[0] for name in modules} == set()
    assert cpu_s < CPU_S
    assert all(command in done.stdout for command in COMMANDS)


GROUP = [f"cluster {name}" for name in ("start", "stop", "delete", "status", "kubeconfig")]


def test_every_command_has_examples_of_its_own(sandtable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for command in ["", *COMMANDS, *GROUP]:
        shown = {}
        for width in (80, 200):
            monkeypatch.setenv("COLUMNS", str(width))
            answer = sandtable(*command.split(), "--help")
            assert answer.code == 0
            examples = answer.out.partition("Examples:")[2].splitlines()
            shown[width] = tuple(line.strip() for line in examples if line.startswith("   ") and line.strip())
        assert any(f"sandtable {command}" in line for line in shown[80]), command
        assert shown[80] == shown[200], "an example is folded where the terminal has 80 columns"
        assert shown[80] not in seen, f"{command!r} shows the examples of {seen[shown[80]]!r}"
        seen[shown[80]] = command


def test_version(sandtable: Any) -> None:
    assert sandtable("--version").out.startswith("sandtable 0.")


def test_the_group_alone_shows_its_help(sandtable: Any) -> None:
    answer = sandtable("cluster")
    assert answer.code == 2
    assert "kubeconfig" in answer.out
    assert "error" not in answer.err


def test_completion_of_environments(project: Path) -> None:
    environ = {**os.environ, "_SANDTABLE_COMPLETE": "complete_bash", "COMP_WORDS": f"sandtable -C {project} graph ", "COMP_CWORD": "4"}
    command = [sys.executable, "-m", "sandtable"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180, check=False)
    assert done.stdout.split() == ["dev", "lab", "prod", "staging", "training"], done.stderr


@pytest.mark.parametrize("reader", ["| head -1", "| true", "2>&1 | true"])
@pytest.mark.parametrize(("command", "code"), [("schema", 0), ("check --manifests shop.yaml", 6), ("grph --json", 2)])
def test_a_reader_that_has_seen_enough_does_not_hide_the_code(project: Path, command: str, code: int, reader: str) -> None:
    (project / "shop.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: nginx}]}\n"
    )
    line = f"cd {project}; {SANDTABLE} {command} {reader}"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], env=environ, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == code
    assert done.stderr.count("\n") == (2 if code == 2 and reader != "2>&1 | true" else 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(("command", "full"), [("schema", "stdout"), ("--help", "stdout"), ("grph --json", "both")])
def test_a_stream_on_a_full_disk_ends_in_a_code_of_the_catalogue(project: Path, command: str, full: str) -> None:
    redirection = {"stdout": ">/dev/full", "both": ">/dev/full 2>&1"}[full]
    line = f"{SANDTABLE} -C {project} {command} {redirection}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == (0 if full == "both" else 1)


def test_a_working_folder_that_has_been_removed(tmp_path: Path) -> None:
    line = f"mkdir {tmp_path}/gone && cd {tmp_path}/gone && rmdir ../gone && {SANDTABLE} graph dev"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", line], env=environ, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: the working directory has been removed: change to another, or name the project's folder with -C\n"


def test_an_encoding_without_our_signs_is_no_fault(process: Any) -> None:
    for arguments in (("--help",), ("cluster", "--help"), ("rehearse", "--help")):
        assert process(*arguments, env={"PYTHONIOENCODING": "ascii"}).code == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(project: Path, tmp_path: Path, closed: str) -> None:
    code = tmp_path / "code"
    # A file that is opened afterwards must not get the number of a stream, and with it what is printed.
    program = (
        "import sys; from sandtable import streams; streams.prepare(); own = open('own', 'w'); print('a'); print('b', file=sys.stderr)"
    )
    line = (
        f"{SANDTABLE} -C {project} graph dev --json {closed}; echo $? > {code}; "
        f"cd {tmp_path}; PYTHONPATH={shlex.quote(str(ROOT))} {PYTHON} -c {shlex.quote(program)} {closed}; echo $? >> {code}"
    )
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert code.read_text() == "0\n0\n", done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "own").read_text() == ""


@pytest.mark.parametrize("stdin", ["<&-", "</dev/null", "<<< n"])
def test_a_question_that_nobody_answers_with_yes(project: Path, stdin: str) -> None:
    line = f"{SANDTABLE} -C {project} cluster delete dev {stdin}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 130
    question, error = done.stderr.splitlines()
    assert question.startswith("Delete the cluster of dev")
    assert error.startswith("error: not confirmed")
