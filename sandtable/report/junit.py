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

from sandtable.report.words import metrics, sentences
from sandtable.report.words.quantities import count
from sandtable.terminal_escapes import seen_lines

if TYPE_CHECKING:
    from sandtable.document.parts.policies import Finding
    from sandtable.document.rehearsal import Rehearsal
    from sandtable.report.words.metrics import Line


def render_junit(rehearsal: Rehearsal) -> str:
    """Return the XML document."""
    root = ET.Element("testsuites", name=f"sandtable rehearse {seen_lines(rehearsal.environment)}")
    suites = [_thresholds(rehearsal), _policies(rehearsal), _baseline(rehearsal), _validity(rehearsal), _steps(rehearsal)]
    for suite in suites:
        for outcome in ("failure", "error", "skipped"):
            suite.set({"failure": "failures", "error": "errors"}.get(outcome, outcome), str(len(suite.findall(f"testcase/{outcome}"))))
        suite.set("tests", str(len(suite)))
        if rehearsal.started_at:
            suite.set("timestamp", seen_lines(rehearsal.started_at))
        root.append(suite)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _thresholds(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="thresholds")
    for line in metrics.lines(rehearsal):
        case = _case(suite, f"{line.expression} ({line.source})")
        if not line.decides or line.holds:
            ET.SubElement(case, "system-out").text = seen_lines(_said(line))
        elif line.holds is False:
            _mark(case, "failure", "broken", _said(line))
        else:
            _mark(case, "error", "undecided", _said(line))
    return suite


def _said(line: Line) -> str:
    return f"{line.words}: {line.source} {line.estimate}"


def _policies(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="policies")
    ordered = sorted(rehearsal.policies, key=lambda finding: (finding.rule, finding.resource))
    for rule, members in groupby(ordered, key=lambda finding: finding.rule):
        findings = list(members)
        case = _case(suite, rule)
        text = "\n".join(_sentence(finding) for finding in findings)
        if denied := sum(finding.denies for finding in findings):
            _mark(case, "failure", "denied", f"{count(denied, 'finding')} {'denies' if denied == 1 else 'deny'}", text)
        elif all(finding.waived_by is not None for finding in findings):
            _mark(case, "skipped", None, f"waived: {findings[0].waived_by}", text)
        else:
            ET.SubElement(case, "system-out").text = seen_lines(text)
    if not ordered:
        _case(suite, "no rule has a finding")
    return suite


def _sentence(finding: Finding) -> str:
    waived = f" (waived by {finding.waived_by})" if finding.waived_by is not None else ""
    return f"{finding.severity}: {finding.resource}: {finding.message}{waived}. Fix: {finding.fix or 'none given'}"


def _baseline(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="baseline")
    case = _case(suite, "no worse than the kept baseline")
    if worse := sentences.regressions(rehearsal):
        _mark(case, "failure", "regression", worse[0], "\n".join(worse))
    elif rehearsal.measured is None:
        _mark(case, "skipped", None, "nothing was measured")
    return suite


def _validity(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="validity")
    case = _case(suite, "the load test is valid")
    if rehearsal.measured is None:
        _mark(case, "skipped", None, "nothing was measured")
    for reason in rehearsal.load.invalid[:1]:
        _mark(case, "error", "invalid", reason, "\n".join(rehearsal.load.invalid))
    case = _case(suite, "the verdict is decided")
    if rehearsal.verdict == "inconclusive":
        why = [reason.text for reason in rehearsal.reasons]
        _mark(case, "error", "inconclusive", why[0] if why else "no reason recorded", "\n".join(why))
    return suite


def _steps(rehearsal: Rehearsal) -> ET.Element:
    suite = ET.Element("testsuite", name="steps")
    for timing in rehearsal.timings:
        case = _case(suite, timing.step)
        if timing.seconds is not None:
            case.set("time", f"{timing.seconds:.3f}")
        if timing.status == "failed":
            _mark(case, "error", "failed", timing.note or "failed")
        elif timing.status == "skipped":
            _mark(case, "skipped", None, timing.note or "skipped")
    return suite


def _case(suite: ET.Element, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=f"sandtable.{suite.get('name')}", name=seen_lines(name))


def _mark(case: ET.Element, tag: str, kind: str | None, message: str, text: str = "") -> None:
    mark = ET.SubElement(case, tag, message=seen_lines(message))
    if kind:
        mark.set("type", kind)
    if text:
        mark.text = seen_lines(text)
