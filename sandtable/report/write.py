"""Writes all reports of a run into its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.report.run import read_run
from sandtable.signs import seen_lines
from sandtable.workspace import write_text

if TYPE_CHECKING:
    from pathlib import Path


def write_reports(folder: Path) -> dict[str, Path]:
    """Write ``report.html``, ``junit.xml`` and ``summary.md`` from the run's documents; return them as html, junit, markdown.

    Each file is written whole or not at all.

    Raises:
        RunMissingError: the folder holds no finished run.
        RunUnreadableError: one of its documents cannot be read.
        UsageError: a file cannot be written.
    """
    # Commands that only print import this package too; the template engine would be half of their start.
    from sandtable.report.junit import render_junit
    from sandtable.report.markdown import render_markdown
    from sandtable.report.page import render_page

    run = read_run(folder)
    files = {
        "html": (folder / "report.html", render_page(run)),
        "junit": (folder / "junit.xml", render_junit(run.rehearsal)),
        "markdown": (folder / "summary.md", render_markdown(run.rehearsal)),
    }
    for path, text in files.values():
        write_text(path, seen_lines(text))  # what others named may say more than a browser shows, or than UTF-8 can
    return {name: path for name, (path, _) in files.items()}
