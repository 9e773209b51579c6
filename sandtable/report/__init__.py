"""The report of a rehearsal: one HTML file, JUnit XML and a summary for a pull request, all from the documents of a run folder."""

from sandtable.report.run import ReportError, Run, RunMissingError, RunUnreadableError, read_run
from sandtable.report.write import write_reports

__all__ = ["ReportError", "Run", "RunMissingError", "RunUnreadableError", "read_run", "write_reports"]
