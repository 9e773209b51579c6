"""The elements of JUnit XML: suites, cases and their marks.

Every text passes through ``sandtable.terminal_escapes``, because XML 1.0 cannot carry every character (section 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from sandtable.terminal_escapes import seen_lines


def document(name: str, suites: Sequence[ET.Element], *, started_at: str | None = None) -> str:
    """Return the document of ``suites``, with its cases and marks counted."""
    root = ET.Element("testsuites", name=seen_lines(name))
    for suite in suites:
        for outcome in ("failure", "error", "skipped"):
            suite.set({"failure": "failures", "error": "errors"}.get(outcome, outcome), str(len(suite.findall(f"testcase/{outcome}"))))
        suite.set("tests", str(len(suite)))
        if started_at:
            suite.set("timestamp", seen_lines(started_at))
        root.append(suite)
    for total in ("tests", "failures", "errors", "skipped"):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in suites)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def add_case(suite: ET.Element, name: str) -> ET.Element:
    """Append a case to ``suite``."""
    return ET.SubElement(suite, "testcase", classname=f"sandtable.{suite.get('name')}", name=seen_lines(name))


def add_mark(case: ET.Element, tag: str, kind: str | None, message: str, text: str = "") -> None:
    """Mark ``case`` with ``tag``: failure, error or skipped."""
    mark = ET.SubElement(case, tag, message=seen_lines(message))
    if kind:
        mark.set("type", kind)
    if text:
        mark.text = seen_lines(text)
