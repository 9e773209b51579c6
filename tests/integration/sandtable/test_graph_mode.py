"""A tool that cannot be had is no failure of a rehearsal; tests/e2e/rehearsal/test_graph_mode.py has the whole of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandtable.jobs.stack.tools import ensure_or_skip


class Said:
    """Steps that only remember what is left out."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def skip(self, name: str, reason: str) -> None:
        self.lines.append(f"{name}: {reason}")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("SANDTABLE_CACHE", str(tmp_path / "cache"))
    said = Said()
    lacking = ensure_or_skip(["pulumi-language-python"], said, lambda reason: f"graph mode ({reason})")  # type: ignore[arg-type]
    assert lacking
    assert str(tmp_path / "cache") in lacking
    assert said.lines == [f"tools: graph mode ({lacking})"]


def test_a_tool_that_is_configured_wrongly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDTABLE_PULUMI", str(tmp_path / "none"))
    said = Said()
    lacking = ensure_or_skip(["pulumi"], said, lambda reason: f"graph mode ({reason})")  # type: ignore[arg-type]
    assert lacking
    assert "correct or unset SANDTABLE_PULUMI" in lacking
    assert "SANDTABLE_PULUMI names" in said.lines[0]
