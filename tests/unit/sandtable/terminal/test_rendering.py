"""What the terminal shows, held against golden files, and what must hold of all of it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from rich.console import Console

from sandtable.document.answers.checks import Check
from sandtable.document.answers.deployment import Drift, Update
from sandtable.document.answers.images import Images
from sandtable.document.answers.whatif import ScenarioKinds
from sandtable.document.reading import Run
from sandtable.terminal import (
    show_check,
    show_drift,
    show_graph,
    show_images,
    show_measurement,
    show_preview,
    show_rehearsal,
    show_scenarios,
    show_tools,
    show_update,
    show_whatif,
)
from sandtable.terminal.console import THEME, PlainFile, fitting
from sandtable.terminal.parts import grid
from simulations.whatif import KINDS
from stacks.graph import Graph, Resource

Make = Callable[..., Console]
Golden = Callable[[str, str], None]
Runs = dict[str, Run]


def text(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_names_of_others_do_not_command_the_terminal(console: Make) -> None:
    evil = "web\x1b[2J\u202e\nx"
    inputs = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": evil, "namespace": evil}}
    out = console()
    show_graph(Graph.of([Resource("urn", "kubernetes:core/v1:Pod", evil, inputs=inputs)], "manifests"), out)
    finding = {"rule": "r", "severity": "deny", "resource": f"Pod {evil}", "urn": "urn", "message": f"not pinned: {evil}", "fix": "f"}
    skipped = [{"rule": "r", "reason": f"Pod {evil}: unknown"}]
    show_check(Check.model_validate({"digest": "", "findings": [finding, {**finding, "waived_by": evil}], "not_applicable": skipped}), out)
    shown = text(out)
    assert shown.count(r"web\x1b[2J\u202e") == 8
    assert not set(shown) & set("\x1b\u202e")


@pytest.mark.parametrize("name", ["ship", "hold", "denied", "regression", "inconclusive", "graph-mode", "all-failed", "no-requests"])
def test_a_rehearsal_is_shown_as_kept(console: Make, runs: Runs, golden: Golden, name: str) -> None:
    out = console()
    show_rehearsal(runs[name].rehearsal, out, report="runs/x/report.html")
    golden(f"terminal/rehearsal-{name}.txt", text(out))


def test_answers_are_shown_as_kept(console: Make, answers: SimpleNamespace, golden: Golden) -> None:
    for name, show, document in (
        ("whatif", show_whatif, answers.whatif()),
        ("preview", show_preview, answers.plan()),
        ("drift", show_drift, answers.drift()),
        ("loadtest", show_measurement, answers.measurement()),
        ("doctor", show_tools, answers.tools()),
        ("scenarios", show_scenarios, ScenarioKinds.model_validate({"scenarios": tuple(KINDS.values())})),
    ):
        out = console()
        show(document, out)
        golden(f"terminal/{name}.txt", text(out))


def test_a_load_test_that_is_too_short_says_so(console: Make, answers: SimpleNamespace) -> None:
    out = console()
    few = {"invalid": (), "undersampled": ("too few samples for p99_ttft_ms: 24",)}
    show_measurement(answers.measurement().model_copy(update=few), out)
    assert "? INCONCLUSIVE" in text(out)
    assert "too few samples for p99_ttft_ms: 24" in text(out)


def test_graph_and_findings_are_shown_as_kept(console: Make, runs: Runs, answers: SimpleNamespace, golden: Golden) -> None:
    out = console()
    graph = runs["ship"].graph
    assert graph is not None
    show_graph(graph, out)
    golden("terminal/graph.txt", text(out))
    out = console()
    show_check(answers.check(), out)
    golden("terminal/findings.txt", text(out))


def test_a_wide_what_if_is_one_table(console: Make, answers: SimpleNamespace, golden: Golden) -> None:
    out = console(140)
    show_whatif(answers.whatif(), out)
    golden("terminal/whatif-wide.txt", text(out))


@pytest.mark.parametrize("name", ["ship", "hold", "inconclusive"])
def test_the_verdict_comes_first_and_no_line_is_too_long(console: Make, runs: Runs, name: str) -> None:
    out = console()
    show_rehearsal(runs[name].rehearsal, out)
    lines = text(out).splitlines()
    assert name.upper() in lines[1]
    assert max(map(len, lines)) <= 80


def test_off_a_terminal_there_is_no_escape_sequence(console: Make, runs: Runs) -> None:
    out = console()
    show_rehearsal(runs["hold"].rehearsal, out)
    assert "\x1b" not in text(out)


def test_without_colour_the_words_are_the_same(console: Make, runs: Runs) -> None:
    plain, coloured, uncoloured = (
        console(),
        console(force_terminal=True, color_system="standard"),
        console(force_terminal=True, no_color=True),
    )
    for out in (plain, coloured, uncoloured):
        show_rehearsal(runs["hold"].rehearsal, out)
    escapes = re.compile(r"\x1b\[[0-9;]*m")
    assert re.search(r"\x1b\[1;31m|\x1b\[31", text(coloured))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", text(uncoloured))
    assert escapes.sub("", text(coloured)) == text(plain)


def test_a_terminal_without_utf_8_gets_signs_of_the_same_width(runs: Runs) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    out = Console(file=fitting(file), theme=THEME, width=80, highlight=False)  # type: ignore[arg-type]
    show_rehearsal(runs["hold"].rehearsal, out)
    file.flush()
    shown = raw.getvalue().decode("ascii")
    assert "x HOLD" in shown
    assert "|- platform" in shown
    assert "?" not in shown.replace("?  p99", "").replace("?  monthly_cost_usd", "")


def test_a_terminal_with_utf_8_is_left_alone() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert fitting(file) is file
    latin = fitting(io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert isinstance(latin, PlainFile)
    assert latin.write("é ✓ 中") == 5


def test_markup_in_names_is_shown_as_it_is(console: Make, answers: SimpleNamespace) -> None:
    out = console()
    show_preview(answers.plan(), out)
    assert "ai/[old]" in text(out)


def test_nothing_changed_by_hand_is_one_sentence(console: Make) -> None:
    out = console()
    show_drift(Drift(changes={"same": 160}, seconds=1.0), out)
    assert text(out) == "No drift: the cluster is as it was deployed.\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"same": 213}, "dev: nothing to change, 213 resources unchanged.\n"),
        ({"create": 213}, "dev: 213 created.\n"),
        ({"update": 2, "delete": 1, "same": 210}, "dev: 1 deleted, 2 updated, 210 unchanged.\n"),
        ({}, "dev: nothing was there.\n"),
    ],
)
def test_what_was_done_is_one_line(console: Make, changes: dict[str, int], said: str) -> None:
    out = console()
    show_update("dev", Update(changes=changes, seconds=1.0), out)
    assert text(out) == said


def test_a_narrow_terminal_has_room_for_the_doctor(console: Make, answers: SimpleNamespace) -> None:
    for width, last in ((60, "licence"), (41, "from")):
        out = console(width)
        show_tools(answers.tools(), out)
        table = text(out).partition("\n\n")[0].splitlines()
        assert len(table) == 1 + len(answers.tools().tools)
        assert table[0].split()[-1] == last


def test_a_plan_without_findings_and_without_a_change_of_cost_says_so(console: Make, answers: SimpleNamespace) -> None:
    plan = answers.plan()
    cost = plan.cost.model_copy(update={"before_monthly_usd": plan.cost.monthly_usd})
    out = console()
    show_preview(plan.model_copy(update={"policies": (), "steps": (), "changes": {"same": 160}, "cost": cost}), out)
    assert "No rule has a finding." in text(out)
    assert "stays at $27,151" in text(out)


def test_a_plan_with_a_missing_price_tells_no_difference(console: Make, answers: SimpleNamespace) -> None:
    plan = answers.plan()
    cost = plan.cost.model_copy(update={"unpriced": ("pool cache, 1 node: no price",)})
    out = console()
    show_preview(plan.model_copy(update={"cost": cost}), out)
    assert "would be at least $27,151; nodes without a price are not included, so the difference is unknown." in " ".join(text(out).split())


def test_all_tools_in_order_is_one_sentence(console: Make, answers: SimpleNamespace) -> None:
    out = console()
    show_tools(answers.tools(complete=True), out)
    assert text(out).endswith("All 2 tools are in order.\n")


def test_half_a_number_is_not_shown_as_a_whole_one() -> None:
    table = grid("L", "R")
    table.add_row("USD a month", "$25,138")
    file = io.StringIO()
    Console(file=file, width=16).print(table)
    assert file.getvalue().split("  ")[-1].strip() == "$25,…"


def test_an_image_of_another_version_shows_both_and_one_that_cannot_be_made_its_reason(console: Make) -> None:
    def row(name: str, state: str, **found: object) -> dict[str, object]:
        nothing = {"version": "", "differs": False, "reason": "", "digest": None, "size_bytes": None, "unpacked_bytes": None}
        return {"name": name, "reference": f"docker.io/library/{name}:8.2.1", "state": state, **nothing, **found}

    rows = [
        row("redis", "made", version="8.0.2", differs=True, digest="sha256:0", size_bytes=21_000_000, unpacked_bytes=51_000_000),
        row("engine", "missing", version="8.2.1"),
        row("falco", "unavailable", reason="no binary of it"),
    ]
    out = console()
    show_images(Images.model_validate({"images": rows, "stored_bytes": 30_000_000}), out)
    shown = text(out)
    assert re.search(r"✓\s+redis\s+8\.0\.2\s+8\.2\.1\s+21\s+51", shown)
    assert "falco cannot be made here: no binary of it" in shown
    assert "1 image not made yet: `sandtable images build`. 30 MB stored." in shown
