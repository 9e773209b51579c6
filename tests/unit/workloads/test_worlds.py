"""Dependency worlds: the core stays light, each workload has its group, and its image holds what it imports."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolchain.environments import read_groups
from toolchain.environments.group import normalised

ROOT = Path(__file__).parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
CONTAINERFILES = sorted((ROOT / "workloads").glob("*/Containerfile"))
#: Images whose packages are a world of their own: the protobuf of Crossplane's SDK is not that of Pulumi, which the constraints have.
APART = {"composition"}
#: What only one workload needs, and what would make everybody's first install long.
HEAVY = {
    *("torch", "flwr", "gymnasium", "transformers", "scikit-learn", "dp-accounting"),
    *("kafka-python", "aiokafka", "confluent-kafka", "pika", "aio-pika", "nats-py", "pulsar-client"),
    *("redis", "pymongo", "qdrant-client", "asyncpg", "psycopg"),
}  # fmt: skip


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9][\w.-]*", requirement)
    assert found
    return normalised(found[0])


def test_the_core_installs_without_what_only_a_workload_needs() -> None:
    assert {name_of(each) for each in PROJECT["project"]["dependencies"]} & HEAVY == set()


def test_the_constraints_have_every_requirement_of_every_group() -> None:
    pinned = {normalised(name) for name in re.findall(r"^([\w.-]+)==", CONSTRAINTS, re.MULTILINE)}
    groups = PROJECT["dependency-groups"].values()
    wanted = {name_of(each) for group in (PROJECT["project"]["dependencies"], *groups) for each in group if isinstance(each, str)}
    assert wanted - pinned == set()


@pytest.mark.parametrize("file", [each for each in CONTAINERFILES if each.parent.name not in APART], ids=lambda file: file.parent.name)
def test_what_an_image_installs_stands_in_a_dependency_group_and_in_the_constraints(file: Path) -> None:
    pins = re.findall(r"([\w.-]+==[\w.]+)", file.read_text(encoding="utf-8"))
    assert [pin for pin in pins if not re.search(rf"^{re.escape(pin)}( |$)", CONSTRAINTS, re.MULTILINE)] == []
    installed = {name_of(pin) for pin in pins}
    groups = [{name_of(each) for each in group if isinstance(each, str)} for group in PROJECT["dependency-groups"].values()]
    assert any(installed <= group for group in groups)


def test_the_environment_of_the_engine_is_what_its_image_installs() -> None:
    installed = re.findall(r"([\w.-]+)==", (ROOT / "workloads" / "engine" / "Containerfile").read_text(encoding="utf-8"))
    assert {name_of(each) for each in read_groups()["engine"].requirements} == set(map(normalised, installed))


@pytest.mark.parametrize("file", CONTAINERFILES, ids=lambda file: file.parent.name)
def test_an_image_holds_every_module_that_its_part_of_the_workload_imports(file: Path) -> None:
    copied = sources(file.read_text(encoding="utf-8"))
    own = [each.relative_to(ROOT) for each in file.parent.rglob("*.py")]
    needed = closure([path for path in own if any(path == each or path.is_relative_to(each) for each in copied)])
    assert needed
    assert [str(path) for path in sorted(needed) if not any(path == each or path.is_relative_to(each) for each in copied)] == []


def test_a_module_that_is_not_copied_is_found() -> None:
    needed = closure([file.relative_to(ROOT) for file in (ROOT / "workloads" / "engine").rglob("*.py")])
    assert Path("foundation/processes/atomic_file.py") in needed
    assert Path("foundation/__init__.py") in needed
    assert sources("COPY workloads/__init__.py foundation/errors.py /app/\n") == [
        Path("workloads/__init__.py"),
        Path("foundation/errors.py"),
    ]


def test_names_of_what_is_observed_import_nothing_but_typing() -> None:
    for path in (ROOT / "workloads" / "telemetry").rglob("*.py"):
        assert set(imported(path)) <= {"__future__", "typing", "__future__.annotations", "typing.Final"}, path


def sources(containerfile: str) -> list[Path]:
    return [Path(each) for line in re.findall(r"^COPY (.+)$", containerfile, re.MULTILINE) for each in line.split()[:-1]]


def closure(files: Iterable[Path]) -> set[Path]:
    """Return the files of the project that running these may import, themselves among them, from the root."""
    todo = list(files)
    found: set[Path] = set()
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        todo += [folder / "__init__.py" for folder in path.parents if folder.name]
        todo += [file for name in imported(ROOT / path) for file in files_of(name)]
    return found


def files_of(module: str) -> Iterator[Path]:
    if module.partition(".")[0] in {"foundation", "workloads"}:
        path = Path(*module.split("."))
        yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if (ROOT / file).exists())


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
