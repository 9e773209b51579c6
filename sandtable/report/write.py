"""Writes all reports of a run into its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.document.answers.machine import ReportFiles
from sandtable.terminal_escapes import seen_lines
from sandtable.workspace import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from sandtable.document.reading import Run


def write_reports(run: Run, folder: Path) -> ReportFiles:
    """Write ``report.html``, ``junit.xml`` and ``summary.md`` of ``run`` into ``folder``, each file atomically.

    Raises:
        UsageError: a file cannot be written.
    """
    # Imported late: commands that only print import this package, too, and the template engine would be half of their start-up time.
    from sandtable.report.junit import render_junit
    from sandtable.report.markdown import render_markdown
    from sandtable.report.page import render_page

    files = {
        "html": (folder / "report.html", render_page(run)),
        "junit": (folder / "junit.xml", render_junit(run.rehearsal)),
        "markdown": (folder / "summary.md", render_markdown(run.rehearsal)),
    }
    for path, text in files.values():
        write_text(path, seen_lines(text))  # names from outside may have characters that a browser hides or UTF-8 cannot encode
    return ReportFiles.model_validate({name: path for name, (path, _) in files.items()})
