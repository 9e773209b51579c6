"""Published results beside those of the models, as a page in Markdown and as JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from sandtable.report.junit_xml import add_case, add_mark, document
from sandtable.report.markdown_text import plain, to_table
from sandtable.report.words.quantities import interval
from sandtable.terminal_escapes import seen_lines

if TYPE_CHECKING:
    from sandtable.document.answers.validation import PublishedFigure, PublishedRow, Validation

_HEAD: Final = """# Published results, reproduced

`sandtable validate` runs the models on set-ups that others have published and compares the results. Each tolerance was declared before the
run. A result whose data or tools are missing is skipped, never passed. This page is written by
`sandtable validate --page docs/validation.md`.
"""


def render_page(validation: Validation) -> str:
    """Return the page: a table of all results, then the figures of each."""
    was_run = any(row.verdict for row in validation.rows)
    counts = f"{validation.held} held, {validation.missed} missed, {validation.skipped} skipped.\n"
    summary = counts if was_run else "Listed without a run: `nox -s validate` gives the verdicts.\n"
    table = to_table(
        ("result", "set-up", "published", "tolerance", "verdict"),
        [(f"[{row.id}](#{row.id.replace('.', '')})", row.setup, row.expected, row.tolerance, row.verdict or "") for row in validation.rows],
    )
    return "\n".join([_HEAD, summary, _links(table), "", *map(_section, validation.rows)])


def _links(table: str) -> str:
    """Undo the escapes of the links, which the table has taken for text."""
    return table.replace("\\[", "[").replace("\\]", "]").replace("(\\#", "(#")


def _section(row: PublishedRow) -> str:
    said = [f"## {row.id}", "", f"{plain(row.setup)}. Source: {plain(row.source)}."]
    if row.limits:
        said.append(f"Limits: {plain(row.limits)}.")
    if row.reason:
        said.append(f"{(row.verdict or '').capitalize()}: {plain(row.reason)}.")
    figures = to_table(("figure", "published", "got", "n", "95 % interval", "tolerance", ""), map(_figure, row.figures))
    return "\n".join([*said, "", figures, ""]) if figures else "\n".join([*said, ""])


def _figure(figure: PublishedFigure) -> tuple[str, ...]:
    return (
        figure.name,
        digits(figure.expected),
        digits(figure.got),
        f"{figure.n:,}",
        "" if figure.ci95 is None else interval(figure.ci95),
        figure.tolerance,
        "held" if figure.held else "missed",
    )


def digits(value: float | None) -> str:
    """Return six significant digits, so that a tolerance of a permille can be checked by eye.

    >>> digits(9865.97), digits(0.0042), digits(None)
    ('9,865.97', '0.0042', '—')
    """
    return "—" if value is None else f"{value:,.6g}"


def render_junit(validation: Validation) -> str:
    """Return JUnit XML: a case for each published result."""
    suite = ET.Element("testsuite", name="validate")
    for row in validation.rows:
        case = add_case(suite, row.id)
        figures = "\n".join(f"{f.name}: {digits(f.expected)} published, {digits(f.got)} got, {f.tolerance}" for f in row.figures)
        if row.verdict == "missed":
            add_mark(case, "failure", "missed", row.reason, figures)
        elif row.verdict == "skipped":
            add_mark(case, "skipped", None, row.reason)
        else:
            ET.SubElement(case, "system-out").text = seen_lines(figures)
    return document("sandtable validate", [suite])
