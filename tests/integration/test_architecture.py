"""The house itself: imports only go down the floors, workloads stay apart, and no file outgrows what one can hold in mind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "sandtable",
    "loadtests",
    "simulations",
    "policies",
    "stacks",
    "toolchain",
    "workloads",
    "foundation",
    "tests",
    "benchmarks",
    "docs",
)
#: What every workload may import beside the foundation: the names of what is observed, and the protocols.
SHARED = {"workloads.telemetry", "workloads.ports"}
#: Applications are made of workloads; the others know none but themselves.
COMPOSING = {"workloads.applications"}
WORKLOADS = sorted(
    path.parent.name for path in (ROOT / "workloads").glob("*/__init__.py") if f"workloads.{path.parent.name}" not in SHARED | COMPOSING
)


def test_imports_only_go_down_the_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0


def foreign(source: str, workload: str) -> list[str]:
    """Return what ``source``, a module of ``workload``, imports of other workloads."""

    def named() -> Iterator[str]:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "workloads":
                yield from (f"workloads.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module

    parts = [".".join(name.split(".")[:2]) for name in named()]
    return [part for part in parts if part.startswith("workloads.") and part not in SHARED | {f"workloads.{workload}"}]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_workload_knows_no_other_workload(workload: str) -> None:
    for path in (ROOT / "workloads" / workload).rglob("*.py"):
        assert foreign(path.read_text(encoding="utf-8"), workload) == [], path


@pytest.mark.parametrize("line", ["import workloads.engine.spec", "from workloads.engine import spec", "from workloads import engine"])
def test_an_import_of_another_workload_is_found(line: str) -> None:
    assert foreign(line, "gateway") == ["workloads.engine"]
    assert foreign(line, "engine") == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_longer_than_400_lines_without_a_reason(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len((text := path.read_text(encoding="utf-8")).splitlines())) > 400 and "long because" not in text[:800].lower()
    }
    assert long == {}


@pytest.mark.parametrize("mechanism", ["subprocess.Popen(", "posix_spawn(", "flock(", ".partial", "create_server((host"])
def test_each_mechanism_of_processes_and_files_is_in_one_place(mechanism: str) -> None:
    """Children, detached servers, locks, atomic files and free ports are those of ``foundation/processes``."""
    sources = (path for floor in FOLDERS[:8] for path in (ROOT / floor).rglob("*.py"))
    places = {path.parent.relative_to(ROOT) for path in sources if mechanism in path.read_text(encoding="utf-8")}
    assert places == {Path("foundation/processes")}
