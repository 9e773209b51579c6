"""What only a process of its own shows: how fast and how light the help is, how shells complete, and that pipes may break."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
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
COMMANDS = ["rehearse", "whatif", "loadtest", "report", "graph", "check", "doctor", "schema", "preview", "up", "refresh", "down", "cluster"]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import json, resource, sys; from sandtable import app; code = app.run(['--help']);"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        "print(json.dumps([code, used.ru_utime + used.ru_stime, sorted(sys.modules)]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    exit_code, cpu_s, modules = json.loads(done.stderr)
    assert exit_code == 0
    assert HEAVY & {name.partition(".")[0] for name in modules} == set()
    assert cpu_s < CPU_S
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, "cluster start"])
def test_every_command_has_examples(sandtable: Any, command: str) -> None:
    answer = sandtable(*command.split(), "--help")
    assert answer.code == 0
    assert "Examples:" in answer.out
    assert "sandtable " in answer.out.partition("Examples:")[2]


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
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["dev", "prod", "staging"], done.stderr


def test_reader_that_has_seen_enough(project: Path) -> None:
    command = f"{sys.executable} -m sandtable -C {project} schema | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
