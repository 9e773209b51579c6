"""Policy findings: what denies first, then warnings, each with its fix; then what was waived, and what was not judged, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from policies.findings import EVERY_RULE
from sandtable.report.run import parse_findings
from sandtable.report.words.quantities import count
from sandtable.signs import seen, seen_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sandtable.report.run.documents import Finding


def show_findings(findings: list[dict[str, Any]], not_applicable: list[dict[str, str]], console: Console) -> None:
    """Print the findings of ``sandtable check``, the rules that it could not judge, and a sentence that sums them up.

    Raises:
        RunUnreadableError: one of them is none.
    """
    typed = parse_findings(findings)
    show_typed_findings(typed, console)
    rules_of: dict[str, list[str]] = {}
    for rule in not_applicable:
        rules_of.setdefault(rule["reason"], []).append(rule["rule"])
    for reason, rules in rules_of.items():
        console.print(Text.assemble(("? skip", "quiet"), " ", ", ".join(rules), ": ", (seen(reason), "quiet")))
    denied = sum(finding.blocks for finding in typed)
    waived = sum(finding.waived_by is not None for finding in typed)
    words = f"{count(denied, 'finding')} {'denies' if denied == 1 else 'deny'}"
    words = f"{words}, {count(len(typed) - denied - waived, 'warning')}, {waived} waived"
    skipped = {rule["rule"] for rule in not_applicable}
    if kinds := skipped - {EVERY_RULE}:
        words += f"; {count(len(kinds), 'rule')} not judged"
    if EVERY_RULE in skipped:
        words += "; part of the stack not seen"
    console.print(Text(f"{words}.", "bad" if denied else "good"))


def show_typed_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print findings that were read already."""
    for finding in sorted(findings, key=lambda one: (one.waived_by is not None, not one.blocks, one.rule, one.resource)):
        if finding.waived_by is not None:
            # Weighed and accepted once: said, so that it is never hidden, in as few words as can be.
            why = seen(finding.waived_by)
            console.print(Text.assemble(_mark(finding), " ", finding.rule, "  ", seen(finding.resource), ": ", (why, "quiet")))
            continue
        console.print(Text.assemble(_mark(finding), " ", (finding.rule, "bold"), "  ", seen(finding.resource)))
        for text in filter(None, (finding.message, f"fix: {finding.fix}" if finding.fix else "")):
            console.print(Padding(Text(seen_lines(text)), (0, 0, 0, 7)))


def _mark(finding: Finding) -> Text:
    if finding.waived_by is not None:
        return Text("~ waiv", "quiet")
    return Text("✗ deny", "bad") if finding.severity == "deny" else Text("! warn", "unsure")
