"""JUnit, Markdown, and the writing of all reports."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sandtable.document.answers.machine import ReportFiles
from sandtable.document.reading import Run, RunMissingError, RunUnreadableError, read_run
from sandtable.errors import UsageError
from sandtable.exit_codes import ExitCode, for_error
from sandtable.report import write_reports
from sandtable.report.junit import render_junit
from sandtable.report.markdown import render_markdown

Document = Callable[[str], dict[str, Any]]
Read = Callable[[dict[str, Any]], Run]
Golden = Callable[[str, str], None]


def written(folder: Path) -> ReportFiles:
    return write_reports(read_run(folder), folder)


@pytest.mark.parametrize("name", ["ship", "hold", "denied", "regression", "inconclusive", "graph-mode"])
def test_junit_is_as_kept(run: Callable[[str], Run], golden: Golden, name: str) -> None:
    golden(f"junit/{name}.xml", render_junit(run(name).rehearsal))


@pytest.mark.parametrize("name", ["ship", "hold", "denied", "regression", "inconclusive", "graph-mode", "all-failed"])
def test_markdown_is_as_kept(run: Callable[[str], Run], golden: Golden, name: str) -> None:
    golden(f"markdown/{name}.md", render_markdown(run(name).rehearsal))


def test_junit_counts_what_it_contains(any_run: Run) -> None:
    root = ET.fromstring(render_junit(any_run.rehearsal))
    for suite in root:
        assert int(suite.get("tests") or -1) == len(suite)
        assert int(suite.get("failures") or -1) == len(suite.findall("testcase/failure"))
        assert int(suite.get("errors") or -1) == len(suite.findall("testcase/error"))
    assert int(root.get("tests") or -1) == len(root.findall("testsuite/testcase"))


def test_what_is_undecided_never_passes_silently(run: Callable[[str], Run]) -> None:
    root = ET.fromstring(render_junit(run("inconclusive").rehearsal))
    undecided = [case.get("name") for case in root.iter("testcase") if case.find("error") is not None]
    assert undecided == ["p99_ttft_ms < 600 (measured)", "p95_ttft_ms < 400 (measured)", "the load test is valid", "the verdict is decided"]


def test_a_regression_fails_its_case_and_nothing_else(run: Callable[[str], Run]) -> None:
    root = ET.fromstring(render_junit(run("regression").rehearsal))
    (failed,) = (case for case in root.iter("testcase") if case.find("failure") is not None or case.find("error") is not None)
    assert failed.get("name") == "no worse than the kept baseline"
    assert "the kept baseline 69.3" in (failed.find("failure").get("message") or "")  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["ship", "hold", "denied", "regression", "inconclusive", "graph-mode", "all-failed", "no-requests"])
def test_a_run_is_green_exactly_where_it_ships(run: Callable[[str], Run], name: str) -> None:
    root = ET.fromstring(render_junit(run(name).rehearsal))
    green = (root.get("failures"), root.get("errors")) == ("0", "0")
    assert green is (name == "ship")


def test_a_waived_rule_is_skipped_with_its_reason(run: Callable[[str], Run]) -> None:
    root = ET.fromstring(render_junit(run("hold").rehearsal))
    (case,) = (case for case in root.iter("testcase") if case.get("name") == "images-pinned")
    assert "security-team" in (case.find("skipped").get("message") or "")  # type: ignore[union-attr]


def test_control_characters_cannot_break_the_xml(document: Document, read: Read) -> None:
    documents = document("hold")
    documents["rehearsal"]["policies"][0] |= {"rule": "a\x00b\x1b[31m\ud800", "message": "\ufffe & <b>"}
    assert ET.fromstring(render_junit(read(documents).rehearsal)).tag == "testsuites"


def test_no_report_holds_a_sign_that_is_not_seen(write: Callable[[str, Path], Path], tmp_path: Path) -> None:
    folder = write("hold", tmp_path)
    path = folder / "rehearsal.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["policies"][0] |= {"resource": "Pod a\x00b\x1b[31m\u202e"}
    document["reasons"] = [{"cause": "undecided", "text": "half a sign: \ud800"}]
    path.write_text(json.dumps(document), encoding="utf-8")
    for file in map(Path, written(folder).model_dump().values()):
        text = file.read_text(encoding="utf-8")
        assert r"Pod a\x00b\x1b[31m\u202e" in text or file.suffix == ".md"  # Markdown has escapes of its own
        assert not set(text) & set("\x00\x1b\u202e")


def test_user_text_cannot_break_the_summary(document: Document, read: Read) -> None:
    documents = document("hold")
    documents["rehearsal"]["policies"][0] |= {"rule": "a`|b", "message": "x | y\n\n# heading <script> @team [a](b)", "resource": "|"}
    text = render_markdown(read(documents).rehearsal)
    assert "\n# heading" not in text
    assert "\\<script\\>" in text
    assert "\\@team" in text
    rows = [line for line in text.splitlines() if "a'¦b" in line]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 6


def test_all_reports_of_a_run_are_written_beside_it(write: Callable[[str, Path], Path], tmp_path: Path) -> None:
    folder = write("ship", tmp_path)
    files = {name: Path(path) for name, path in written(folder).model_dump().items()}
    assert {name: path.name for name, path in files.items()} == {"html": "report.html", "junit": "junit.xml", "markdown": "summary.md"}
    assert all(path.parent == folder and path.stat().st_size for path in files.values())
    before = {path: path.read_bytes() for path in files.values()}
    written(folder)
    assert before == {path: path.read_bytes() for path in files.values()}
    assert not list(folder.glob("*.partial"))


def test_a_report_that_cannot_be_written_leaves_the_older_one(
    write: Callable[[str, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write("ship", tmp_path)
    (folder / "report.html").write_text("older", encoding="utf-8")

    def full(partial: Path, _content: bytes) -> None:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(partial))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match=r"report.html: cannot be written: Is a directory"):
        written(folder)
    assert (folder / "report.html").read_text(encoding="utf-8") == "older"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RunMissingError("x"), ExitCode.MISSING),
        (RunUnreadableError("x"), ExitCode.CONFIGURATION),
    ],
)
def test_every_error_of_the_report_has_an_exit_code(error: Exception, code: ExitCode) -> None:
    assert for_error(error) is code
