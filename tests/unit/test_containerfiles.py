"""Images are made of the versions that the project is tested with, and do not run as root."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("workload", [path.parent.name for path in ROOT.glob("workloads/*/Containerfile")])
def test_versions_are_exact_and_those_of_the_constraints(workload: str) -> None:
    text = (ROOT / "workloads" / workload / "Containerfile").read_text(encoding="utf-8")
    constraints = set(re.findall(r"^([\w.-]+==[^ ;\n]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE))
    words = text.partition("pip install --no-cache-dir ")[2].partition("\n &&")[0].replace("\\\n", " ").split()
    installed = set(words) - {"\\"}
    if workload != "composition":  # a world of its own: the SDK of Crossplane and Pulumi want different releases of protobuf
        assert installed <= constraints
    assert all("==" in requirement for requirement in installed)
    assert re.search(r"^FROM python:\d+\.\d+\.\d+-", text, flags=re.MULTILINE)
    assert re.search(r"^USER [1-9]\d*$", text, flags=re.MULTILINE)
