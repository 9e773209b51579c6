"""Policy findings: those that deny, then warnings, each with its fix; then waived ones, then rules not evaluated, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from policies.findings import EVERY_RULE
from sandtable.report.words.quantities import count
from sandtable.terminal_escapes import seen, seen_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sandtable.document.answers.checks import Check
    from sandtable.document.parts.policies import Finding


def show_check(check: Check, console: Console) -> None:
    """Print the findings of ``sandtable check``, the rules that could not be evaluated, and a summary sentence."""
    show_findings(check.findings, console)
    rules_of: dict[str, list[str]] = {}
    for rule in check.not_applicable:
        rules_of.setdefault(rule.reason, []).append(rule.rule)
    for reason, rules in rules_of.items():
        console.print(Text.assemble(("? skip", "quiet"), " ", ", ".join(rules), ": ", (seen(reason), "quiet")))
    waived = sum(finding.waived_by is not None for finding in check.findings)
    words = f"{count(check.denied, 'finding')} {'denies' if check.denied == 1 else 'deny'}"
    words = f"{words}, {count(len(check.findings) - check.denied - waived, 'warning')}, {waived} waived"
    skipped = {rule.rule for rule in check.not_applicable}
    if kinds := skipped - {EVERY_RULE}:
        words += f"; {count(len(kinds), 'rule')} not evaluated"
    if EVERY_RULE in skipped:
        words += "; part of the stack not seen"
    console.print(Text(f"{words}.", "bad" if check.denied else "good"))


def show_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print findings in order: those that deny first, waived ones last."""
    for finding in findings:
        if finding.waived_by is not None:
            # A waived finding is shown, so that it is never hidden, but briefly.
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
