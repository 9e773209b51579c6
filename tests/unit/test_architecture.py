"""The house itself: imports only go down the floors, and no file outgrows what one can hold in mind."""

from __future__ import annotations

from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
FLOORS = ("sandtable", "loadtests", "simulations", "policies", "stacks", "toolchain", "workloads")


def test_imports_only_go_down_the_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0


@pytest.mark.parametrize("floor", FLOORS)
def test_no_module_is_longer_than_400_lines_without_a_reason(floor: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / floor).rglob("*.py")
        if (lines := len((text := path.read_text(encoding="utf-8")).splitlines())) > 400 and "long because" not in text[:800].lower()
    }
    assert long == {}
