"""Runs the command line as a user does, in a project folder of its own.

In this process, because starting a Python costs more than most commands; ``process`` is for what only a process of its own can show.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sandtable import app

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; anything beside it is an error."""
        return json.loads(self.out)

    def refused(self, *words: str, code: int = 2) -> None:
        """The command ended in ``code`` with a message that has all ``words``, and without a traceback."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        missing = [word for word in words if word not in self.err]
        assert not missing, f"{missing} not in:\n{self.err}"


Sandtable = Callable[..., Answer]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the environments of the repository."""
    folder = tmp_path / "project"
    folder.mkdir()
    for path in ROOT.glob("Pulumi.*.yaml"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def sandtable(project: Path, monkeypatch: pytest.MonkeyPatch) -> Sandtable:
    """Run ``sandtable -C <project> …``."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path, answer: str = "") -> Answer:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = app.run(["-C", str(project), *map(str, arguments)])
        return Answer(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def process(project: Path) -> Sandtable:
    """Run ``python -m sandtable -C <project> …`` to its end."""

    def run(*arguments: str | Path, env: Mapping[str, str] | None = None, answer: str = "", timeout: float = 120) -> Answer:
        environ = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **(env or {})}
        command = [sys.executable, "-m", "sandtable", "-C", str(project), *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=environ, input=answer, capture_output=True, text=True, timeout=timeout, check=False)
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def edited(project: Path) -> Callable[[str, str], None]:
    """Replace a text of dev's file, which must be there."""

    def edit(before: str, after: str) -> None:
        path = project / "Pulumi.dev.yaml"
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), encoding="utf-8")

    return edit


def problems(document: Any, name: str) -> list[str]:
    """What ``docs/schemas/<name>.json`` has against a document."""
    schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]


@pytest.fixture
def check() -> Callable[[Any, str], None]:
    """Hold a document to its schema."""

    def hold(document: Any, name: str) -> None:
        assert problems(document, name) == []

    return hold
