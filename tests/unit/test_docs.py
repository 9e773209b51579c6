"""The pages keep what they promise: generated ones are up to date, links lead somewhere, commands and exit codes exist."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sandtable.app import app
from sandtable.exit_codes import ExitCode
from stacks.environment import STACK_SECRETS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
HEADINGS = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
FENCES = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINKS = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def generate() -> Any:
    specification = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date(generate: Any) -> None:
    stale = [path.name for path, text in generate.pages().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `python docs/generate.py`"


def test_check_names_a_page_that_is_out_of_date(generate: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    page = ROOT / "docs" / "environment.md"
    monkeypatch.setattr(generate, "pages", lambda: {page: "other words"})
    assert generate.main(["--check"]) == 1
    assert "docs/environment.md is out of date" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") != "other words"


def test_the_reference_has_every_key_with_its_unit(generate: Any) -> None:
    page = generate.reference()
    keys = json.loads((ROOT / "docs" / "schemas" / "environment.json").read_text(encoding="utf-8"))["properties"]["config"]["properties"]
    for key in (key.removeprefix("sandtable:") for key in keys):
        assert (f"`{key}`" if key in STACK_SECRETS else f"| `{key}` |") in page, key
    assert "| `memory_gib_per_node` | number, > 0, ≤ 65536 | GiB |" in page
    assert "| `duration_s` | number, > 0, ≤ 604800 | s |" in page


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of its headings."""
    text = FENCES.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADINGS.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINKS.findall(FENCES.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def commands(page: Path) -> Iterator[list[str]]:
    """Command lines in the code blocks of a page: what stands at the start of a line, with or without a prompt, up to a comment."""
    for _, block in FENCES.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            for part in re.split(r" && | \| ", line.removeprefix("$ ").split("  #")[0].split("   ")[0]):
                words = shlex.split(part) if re.match(r"(sandtable|nox) ", part) else []
                if words:
                    yield words


@cache
def program() -> Any:
    """Return the command line as a tree of commands."""
    return typer.main.get_command(app)


def problem(words: list[str], sessions: set[str]) -> str | None:
    """Say what a command line names that does not exist."""
    if words[0] == "nox":
        unknown = {words[at + 1] for at, word in enumerate(words[:-1]) if word == "-s"} - sessions
        return f"no session {sorted(unknown)}" if unknown else None
    command = program()
    options = {option for parameter in command.params for option in parameter.opts}
    rest = words[1:]
    while rest:
        word = rest.pop(0)
        if hasattr(command, "commands") and not word.startswith("-"):
            if word not in command.commands:
                return f"no command {word}"
            command = command.commands[word]
            options |= {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
        elif word.startswith("-") and word.partition("=")[0] not in options:
            return f"no option {word}"
        elif word == "-C":
            rest.pop(0)
    return None


def sessions() -> set[str]:
    """Return the names of nox's sessions."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_code_blocks_exist(page: Path) -> None:
    known = sessions()
    assert [(words, found) for words in commands(page) if (found := problem(words, known))] == []


def test_the_readme_shows_its_two_commands() -> None:
    shown = [" ".join(words) for words in commands(ROOT / "README.md")]
    assert "nox -s rehearse -- dev" in shown
    assert "nox -s tests" in shown


@pytest.mark.parametrize("wrong", ["sandtable rehears dev", "sandtable graph prod --jsn", "sandtable cluster begin dev", "nox -s test"])
def test_a_command_that_does_not_exist_is_found(wrong: str) -> None:
    assert problem(wrong.split(), sessions())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_exit_codes_in_tables_are_those_of_the_catalogue(page: Path) -> None:
    names = {code.value: code.name.lower() for code in ExitCode}
    rows = re.findall(r"^\| (\d+) \| ([a-z]+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(code, name) for code, name in rows if names.get(int(code)) != name] == []


def test_pictures_are_small_enough_for_a_repository() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert {path.name: path.stat().st_size for path in pictures if path.stat().st_size > 300_000} == {}
