"""The guide about stacks of others shows what the commands say: its transcripts are run again, on its own manifest and on dev."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.environment.file import load
from stacks.graph import Graph
from stacks.graph.sources import from_program

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "bring-your-own-stack.md").read_text(encoding="utf-8")
FENCES = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def transcripts() -> Iterator[tuple[str, str]]:
    """Yield each command of ours with what the guide shows of its answer."""
    for language, text in FENCES.findall(GUIDE):
        for part in text.split("$ ")[1:] if not language else ():
            command, _, shown = part.partition("\n")
            if command.startswith("sandtable "):
                yield command.removeprefix("sandtable "), shown


def documents(graph: Graph) -> Iterator[tuple[str, Any]]:
    """Yield what Pulumi would write of a stack that was never changed: its state, and its plan."""
    states = [
        {"urn": r.urn, "type": r.type, "custom": r.custom, "parent": r.parent, "dependencies": list(r.depends_on), "inputs": dict(r.inputs)}
        for r in graph
    ]
    yield "state.json", {"deployment": {"resources": states}}
    yield "plan.json", {"steps": [{"op": "same", "urn": state["urn"], "newState": state} for state in states]}


def test_the_guide_shows_what_the_commands_say(sandtable: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (manifest,) = (text for language, text in FENCES.findall(GUIDE) if language == "yaml")
    (project / "shop.yaml").write_text(manifest, encoding="utf-8")
    for name, document in documents(from_program(load("dev", root=project))):
        (project / name).write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.chdir(project)
    found = list(transcripts())
    assert len(found) == 6
    for command, shown in found:
        said = " ".join(sandtable(*shlex.split(command)).out.split())  # wherever lines are folded
        passages = [re.escape(" ".join(passage.split())) for passage in re.split(r"^…$", shown, flags=re.MULTILINE)]
        assert re.fullmatch(".*".join(passages), said), f"{command!r} says: {said}"
