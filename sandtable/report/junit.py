"""JUnit XML, for the test page of a CI server: a case for each threshold, each rule with findings, the baseline, and the run's validity.

Broken, denied and worse than the kept baseline are failures;
what could not be decided is an error, so that it never passes silently; a waived finding is skipped with its reason. A line of a
threshold that does not decide it never fails.
Every text passes through ``sandtable.terminal_escapes``, because XML 1.0 cannot carry every character (section 2.2).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sandtable.report.junit_xml import add_case, add_mark, document
from sandtable.report.words import metrics, sentences
from sandtable.report.words.quantities import count
from sandtable.terminal_escapes import seen_lines

if TYPE_CHECKING:
    from sandtable.document.parts.policies import Finding
    from sandtable.document.rehearsal import Rehearsal
    from sandtable.report.words.metrics import Line


def render_junit(rehearsal: Rehearsal) -> str:
    """Return the XML document."""
    suites = [_thresholds(rehearsal), _policies(rehearsal), _baseline(rehearsal), _validity(rehearsal), _steps(rehearsal)]
    return document(f"sandtable rehearse {rehearsal.environment}", suites, started_at=rehearsal.started_at)


def _thresholds(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="thresholds")
    for line in metrics.lines(rehearsal):
        case = add_case(suite, f"{line.expression} ({line.source})")
        if not line.decides or line.holds:
            ET.SubElement(case, "system-out").text = seen_lines(_said(line))
        elif line.holds is False:
            add_mark(case, "failure", "broken", _said(line))
        else:
            add_mark(case, "error", "undecided", _said(line))
    return suite


def _said(line: Line) -> str:
    return f"{line.words}: {line.source} {line.estimate}"


def _policies(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="policies")
    ordered = sorted(rehearsal.policies, key=lambda finding: (finding.rule, finding.resource))
    for rule, members in groupby(ordered, key=lambda finding: finding.rule):
        findings = list(members)
        case = add_case(suite, rule)
        text = "\n".join(_sentence(finding) for finding in findings)
        if denied := sum(finding.denies for finding in findings):
            add_mark(case, "failure", "denied", f"{count(denied, 'finding')} {'denies' if denied == 1 else 'deny'}", text)
        elif all(finding.waived_by is not None for finding in findings):
            add_mark(case, "skipped", None, f"waived: {findings[0].waived_by}", text)
        else:
            ET.SubElement(case, "system-out").text = seen_lines(text)
    if not ordered:
        add_case(suite, "no rule has a finding")
    return suite


def _sentence(finding: Finding) -> str:
    waived = f" (waived: {finding.waived_by})" if finding.waived_by is not None else ""
    return f"{finding.severity}: {finding.resource}: {finding.message}{waived}. Fix: {finding.fix or 'none given'}"


def _baseline(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="baseline")
    case = add_case(suite, "no worse than the kept baseline")
    if worse := sentences.regressions(rehearsal):
        add_mark(case, "failure", "regression", worse[0], "\n".join(worse))
    elif rehearsal.measured is None:
        add_mark(case, "skipped", None, "nothing was measured")
    return suite


def _validity(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="validity")
    case = add_case(suite, "the load test is valid")
    if rehearsal.measured is None:
        add_mark(case, "skipped", None, "nothing was measured")
    for reason in rehearsal.load.invalid[:1]:
        add_mark(case, "error", "invalid", reason, "\n".join(rehearsal.load.invalid))
    case = add_case(suite, "the verdict is decided")
    if rehearsal.verdict == "inconclusive":
        why = [reason.text for reason in rehearsal.reasons]
        add_mark(case, "error", "inconclusive", why[0] if why else "no reason recorded", "\n".join(why))
    return suite


def _steps(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="steps")
    for timing in rehearsal.timings:
        case = add_case(suite, timing.step)
        if timing.seconds is not None:
            case.set("time", f"{timing.seconds:.3f}")
        if timing.status == "failed":
            add_mark(case, "error", "failed", timing.note or "failed")
        elif timing.status == "skipped":
            add_mark(case, "skipped", None, timing.note or "skipped")
    return suite
