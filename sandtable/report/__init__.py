"""The report of a rehearsal: one HTML file, JUnit XML and a summary for a pull request, all from the documents of a run folder."""

from sandtable.report.write import write_reports

__all__ = ["write_reports"]
