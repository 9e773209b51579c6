"""No Go, no tools and no package index: the first answers are there, the graph is rehearsed, and the verdict is at most inconclusive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.e2e


def test_rehearsal_without_any_tool(tmp_path: Path) -> None:
    text = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    head, _, rest = text.replace("duration_s: 60", "duration_s: 5").partition("    - p95_ttft_ms")
    (tmp_path / "Pulumi.dev.yaml").write_text(head + "    - failed_share" + rest.partition("    - failed_share")[2], encoding="utf-8")
    (tmp_path / "bin").mkdir()
    cache = str(tmp_path / "cache")
    bare = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), "SANDTABLE_CACHE": cache, "PIP_NO_INDEX": "1", "COLUMNS": "200"}
    # A debugger or a measured coverage needs its own variables; nothing else of ours reaches the command.
    bare |= {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHON"))}
    command = [sys.executable, "-m", "sandtable", "-C", str(tmp_path), "rehearse", "dev"]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    first, _policies, _cost, said, tools, *_ = done.stderr.splitlines()
    assert "resources" in first, "what needs no tool is answered before any is looked for"
    assert said.startswith("next: ")
    assert "graph mode" in tools
    (run,) = (tmp_path / ".sandtable" / "runs").iterdir()
    document = json.loads((run / "rehearsal.json").read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "docs" / "schemas" / "rehearsal.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    assert document["verdict"] == "inconclusive"
    assert "graph mode: nothing was deployed" in document["reasons"][0]["text"]
    assert document["measured"]["requests"] == document["predicted"]["requests"] > 0
    assert document["graph"]["matches_deployed"] is None
    assert any("past the gateway" in reason["text"] for reason in document["reasons"])  # its environment cannot be made either
    assert len(document["real"]) == 2
    assert not any("KWOK" in text for text in document["simulated"])
