"""The README's table of environments says what the program says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["dev", "lab", "training", "staging", "prod"])
def test_the_number_of_resources_is_that_of_the_graph(sandtable: Any, name: str) -> None:
    row = re.search(rf"^\| `Pulumi\.{name}\.yaml` \|.*\| ([\d,]+) \|[^|]*\|$", README, re.MULTILINE)
    assert row
    resources = len(sandtable("graph", name, "--json").document["resources"])
    assert row.group(1) == f"{resources:,}"
    assert sandtable("graph", name).out.startswith(f"{resources} resources: ")
