"""The checks of a deployed stack as JUnit XML: a suite a part, a case a check."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sandtable.report.junit_xml import add_case, add_mark, document
from sandtable.terminal_escapes import seen_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandtable.document.answers.verification import CheckedPart, Verification


def render_junit(verification: Verification) -> str:
    """Return the XML document: what failed is a failure, what could not run an error, what is not there is skipped."""
    by_part = groupby(sorted(verification.checks, key=lambda one: one.part), key=lambda one: one.part)
    suites = [_suite(part, checks) for part, checks in by_part]
    return document(f"sandtable verify {verification.environment}", suites, started_at=verification.at or None)


def _suite(part: str, checks: Iterable[CheckedPart]) -> ET.Element:
    suite = ET.Element("testsuite", name=part)
    for one in checks:
        case = add_case(suite, one.name)
        if one.seconds is not None:
            case.set("time", f"{one.seconds:.3f}")
        said = f"proves: {one.proves}; control: {one.control}"
        if one.outcome == "failed":
            add_mark(case, "failure", "failed", one.text, said)
        elif one.outcome == "unknown":
            add_mark(case, "error", "could not run", one.text, said)
        elif one.outcome == "passed":
            ET.SubElement(case, "system-out").text = seen_lines(f"{one.text}\n{said}")
        else:
            add_mark(case, "skipped", None, one.text or "listed only")
    return suite
