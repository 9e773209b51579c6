"""Published results as a page, as JUnit and on the terminal."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from sandtable.document.answers.validation import PublishedRow, Validation
from sandtable.errors import UsageError
from sandtable.jobs.validate import chosen, listed, validate
from sandtable.report.validation import render_junit, render_page
from sandtable.terminal import Steps, show_validation
from sandtable.terminal.console import THEME
from simulations.validation import Figure, Row, check, relative


@pytest.fixture
def document(tmp_path: Path) -> Validation:
    def made(name: str, got: float, files: tuple[str, ...] = ()) -> Row:
        figures = [Figure("wait | s", 10.0, got, 5, got - 1, got + 1), Figure("rate", 1.0, 1.0)]
        return Row(name, "a station", "a paper", "10 s", relative(0.02), lambda _: figures, files, "long runs")

    made_rows = [made("good-0.1", 10.1), made("bad", 12.0), made("absent", 10.0, ("trace.csv",))]
    return Validation.of_rows([PublishedRow.of(check(row, tmp_path)) for row in made_rows])


def test_the_document_counts_verdicts_and_keeps_intervals(document: Validation) -> None:
    assert (document.held, document.missed, document.skipped) == (1, 1, 1)
    assert [figure.ci95 for figure in document.rows[0].figures] == [(9.1, 11.1), None]


def test_junit_has_a_case_a_row(document: Validation) -> None:
    root = ET.fromstring(render_junit(document))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "0", "skipped": "1",
    }  # fmt: skip
    failure = root.find("testsuite/testcase[@name='bad']/failure")
    assert failure is not None
    assert failure.get("message") == "wait | s: 12 where 10 was published"


def test_the_page_links_to_each_row_and_shows_what_came_out(document: Validation) -> None:
    page = render_page(document)
    assert "| [good-0.1](#good-01) | a station | 10 s | ± 2 % | held |" in page
    assert "| wait \\| s | 10 | 12 | 5 | \\[11.00, 13.00\\] | ± 2 % | missed |" in page
    assert "Skipped: data not present" in page


def test_the_terminal_shows_every_verdict(document: Validation) -> None:
    file = io.StringIO()
    show_validation(document, Console(file=file, theme=THEME, width=160))
    text = file.getvalue()
    assert "1 held, 1 missed, 1 skipped." in text
    assert " 12  [11.00, 13.00]" in text
    assert "missed: wait | s: 12 where 10 was published; tolerance ± 2 %" in text


def test_one_row_runs_here_and_says_how_long_it_took(tmp_path: Path) -> None:
    steps = Steps(quiet=True)
    (row,) = validate(["young"], tmp_path, steps, workers=4)
    assert (row.verdict, len(row.figures)) == ("held", 6)
    assert steps.timings()[0].note.startswith("held, in ")


def test_a_row_without_data_is_a_skipped_step(tmp_path: Path) -> None:
    steps = Steps(quiet=True)
    assert [row.verdict for row in validate(["fgd", "cant-be-late"], tmp_path, steps, workers=1)] == ["skipped", "skipped"]
    assert {timing.status for timing in steps.timings()} == {"skipped"}


def test_rows_are_listed_without_a_run() -> None:
    found = listed(["meta-rsc"])
    assert [row.verdict for row in found.rows] == [None]
    assert "Listed without a run" in render_page(found)


def test_an_unknown_name_is_corrected() -> None:
    with pytest.raises(UsageError, match="did you mean 'meta-rsc'"):
        chosen(["meta-rcs"])
