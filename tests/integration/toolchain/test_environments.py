"""Environments of dependency groups, with the real pip and wheels made here, offline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from foundation.processes.python import python_environment
from toolchain.cache import Cache
from toolchain.environments import Group, environment_for, find, read_groups, status
from toolchain.errors import CatalogueError, InstallFailedError, UnknownToolError
from toolchain.installing.progress import BuildProgress

ROOT = Path(__file__).parents[3]
PROJECT = """
[dependency-groups]
common = ["small-base"]
small = ["small-top>=1", {include-group = "common"}]
test = ["pytest"]
[tool.sandtable.environments.small]
purpose = "a test"
seconds = 2
packages = 2
"""
BUILDER = """
import os, sys
from pathlib import Path
from toolchain.environments import environment_for, read_groups
def show(event):
    print(event.state, flush=True)
print(environment_for("small", groups=read_groups(Path(sys.argv[1])), on_progress=show), flush=True)
"""


def make_wheel(folder: Path, name: str, version: str, requires: str = "") -> None:
    module = name.replace("-", "_")
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        info = f"{module}-{version}.dist-info"
        wheel.writestr(f"{module}.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {module}:main\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "small-top", "1.0", "Requires-Dist: small-base\n")
    for version in ("2.0", "3.0"):
        make_wheel(wheels, "small-base", version)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "constraints.txt").write_text("small-base==2.0\nsmall_top==1.0\nother==1.0\n")
    return tmp_path


@pytest.fixture
def environ(project: Path) -> dict[str, str]:
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project / "wheels"), "SANDTABLE_CACHE": str(project / "cache")}
    return dict(os.environ) | offline


def make(project: Path, environ: Mapping[str, str], events: list[BuildProgress] | None = None) -> Path:
    return environment_for("small", environ=environ, groups=read_groups(project), on_progress=None if events is None else events.append)


def says(python: Path, code: str) -> str:
    env = python_environment(own=True)
    return subprocess.run([python, "-c", code], env=env, capture_output=True, text=True, check=True).stdout.strip()


def litter(project: Path) -> list[Path]:
    return list((project / "cache" / "staging" / "python-small").glob("*"))


def test_it_is_made_once_at_the_versions_of_the_constraints(project: Path, environ: dict[str, str]) -> None:
    events: list[BuildProgress] = []
    python = make(project, environ, events)
    assert (events[0].state, events[-1].state) == ("planned", "done")
    assert {event.tool for event in events} == {"python-small"}
    assert says(python, "import small_top, small_base; print(small_top.version, small_base.version)") == "1.0 2.0"
    assert sorted(json.loads((python.parents[1] / "environment.json").read_text())["packages"]) == ["small-base", "small-top"]
    events.clear()
    assert make(project, environ, events) == python
    assert events == []
    assert litter(project) == []


def test_it_sees_the_project_and_not_what_is_installed_beside_it(project: Path, environ: dict[str, str]) -> None:
    python = make(project, environ)
    assert says(python, "import foundation.errors, workloads.engine.spec; print(foundation.__path__[0])") == str(ROOT / "foundation")
    assert says(python, "import importlib.util as u; print([n for n in ('pytest', 'psutil', 'pip') if u.find_spec(n)])") == "[]"
    assert [file.name for file in (python.parent).iterdir() if not file.name.startswith("python")] == []


def test_a_change_that_concerns_it_makes_another(project: Path, environ: dict[str, str]) -> None:
    first = make(project, environ)
    (project / "constraints.txt").write_text("small-base==2.0\nsmall-top==1.0\nother==2.0\nnew==1.0\n")
    assert make(project, environ) == first, "it holds neither of those that changed"
    (project / "constraints.txt").write_text("small-base==3.0\nsmall-top==1.0\n")
    second = make(project, environ)
    assert second != first
    assert says(second, "import small_base; print(small_base.version)") == "3.0"
    (project / "pyproject.toml").write_text(PROJECT.replace("small-top>=1", "small-top>=0"))
    assert make(project, environ) not in (first, second)
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "constraints.txt").write_text("small-base==2.0\nsmall-top==1.0\n")
    assert make(project, environ) == first, "the old one has been kept"


def test_one_whose_python_is_gone_is_made_again(project: Path, environ: dict[str, str]) -> None:
    python = make(project, environ)
    python.unlink()
    assert make(project, environ) == python
    assert python.exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"requirements": 1}'])
def test_one_with_a_broken_receipt_is_none(project: Path, environ: dict[str, str], content: str) -> None:
    python = make(project, environ)
    (python.parents[1] / "environment.json").write_text(content)
    assert find(read_groups(project)["small"], Cache.of(environ)) is None
    assert make(project, environ) == python


def test_without_a_network_the_remedy_is_named_and_nothing_is_left(project: Path, environ: dict[str, str]) -> None:
    del environ["PIP_NO_INDEX"], environ["PIP_FIND_LINKS"]
    environ |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    events: list[BuildProgress] = []
    with pytest.raises(InstallFailedError, match=r"python-small: the network did not answer") as raised:
        make(project, environ, events)
    assert "PIP_INDEX_URL" in raised.value.fix
    assert events[-1].state == "failed"
    assert litter(project) == []
    assert find(read_groups(project)["small"], Cache.of(environ)) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_ended_leaves_nothing_that_is_taken_for_one(project: Path, environ: dict[str, str], number: int) -> None:
    command = [sys.executable, "-c", BUILDER, str(project)]
    environ["PYTHONPATH"] = str(ROOT)
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as builder:
        assert builder.stdout is not None
        assert any(line == "running\n" for line in builder.stdout)
        builder.send_signal(number)
    assert find(read_groups(project)["small"], Cache.of(environ)) is None
    if number == signal.SIGINT:
        assert litter(project) == []
    assert make(project, environ).exists()
    assert litter(project) == []


def test_two_that_ask_at_once_make_one(project: Path, environ: dict[str, str]) -> None:
    environ["PYTHONPATH"] = str(ROOT)
    builders = [
        subprocess.Popen([sys.executable, "-c", BUILDER, str(project)], env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [builder.communicate(timeout=120)[0].splitlines() for builder in builders]
    assert outputs[0][-1] == outputs[1][-1]
    assert len(list((project / "cache" / "environments" / "small").iterdir())) == 1
    assert sum("running" in lines for lines in outputs) == 1


def test_the_doctor_has_a_line_for_each(project: Path, environ: dict[str, str]) -> None:
    groups = read_groups(project)
    (before,) = status(environ, groups)
    assert (before.name, before.path, before.fix) == ("python-small", None, "sandtable doctor --install")
    python = make(project, environ)
    (after,) = status(environ, groups)
    assert (after.path, after.problem, after.fix) == (python, None, None)
    assert after.size_bytes


def test_a_group_that_is_not_there_is_named_with_those_that_are(project: Path, environ: dict[str, str]) -> None:
    with pytest.raises(UnknownToolError, match="no environment 'gateway'; there are: small"):
        environment_for("gateway", environ=environ, groups=read_groups(project))
    (project / "pyproject.toml").write_text("[tool.sandtable.environments.lost]\npurpose = ''\nseconds = 1\npackages = 1\n")
    with pytest.raises(CatalogueError, match=r"pyproject.toml: .*'lost'"):
        read_groups(project)
    with pytest.raises(CatalogueError, match="a checkout of the project"):
        read_groups(project / "elsewhere")


def test_requirements_are_those_of_the_included_groups_too(project: Path) -> None:
    group = read_groups(project)["small"]
    assert group == replace(group, requirements=("small-base", "small-top>=1"))
    assert isinstance(group, Group)
