"""The engine's image is made of the versions that the project is tested with."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_versions_are_exact_and_those_of_the_constraints() -> None:
    text = (ROOT / "workloads" / "engine" / "Containerfile").read_text(encoding="utf-8")
    constraints = set(re.findall(r"^([\w.-]+==[^ ;\n]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE))
    installed = text.partition("pip install --no-cache-dir ")[2].partition(" \\\n")[0].split()
    assert len(installed) == 3
    assert set(installed) <= constraints
    assert re.search(r"^FROM python:\d+\.\d+\.\d+-", text, flags=re.MULTILINE)
