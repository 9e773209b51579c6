"""A run folder: its documents as types, and the reading of them."""

from sandtable.report.run.reading import (
    ReportError,
    Run,
    RunMissingError,
    RunUnreadableError,
    parse_cost,
    parse_findings,
    parse_graph,
    parse_outcome,
    parse_rehearsal,
    parse_samples,
    parse_scenarios,
    read_run,
)

__all__ = [
    "ReportError",
    "Run",
    "RunMissingError",
    "RunUnreadableError",
    "parse_cost",
    "parse_findings",
    "parse_graph",
    "parse_outcome",
    "parse_rehearsal",
    "parse_samples",
    "parse_scenarios",
    "read_run",
]
