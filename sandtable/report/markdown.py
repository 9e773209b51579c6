"""A summary for a pull request in Markdown: verdict, reasons, thresholds, cost; the rest is collapsed.

All text from documents is escaped, so that it can neither break a table nor inject markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandtable.report.markdown_text import code, plain, to_table
from sandtable.report.words import metrics, sentences
from sandtable.report.words.quantities import percent

if TYPE_CHECKING:
    from sandtable.document.rehearsal import Rehearsal

_ICONS: Final = {"ship": "✅", "hold": "❌", "inconclusive": "❓"}
_HOLDS: Final = {True: "✅", False: "❌", None: "❓"}
_MOST_FINDINGS: Final = 20


def render_markdown(rehearsal: Rehearsal) -> str:
    """Return the summary."""
    verdict = sentences.VERDICTS[rehearsal.verdict]
    parts = [
        f"## {_ICONS[rehearsal.verdict]} {verdict.word}: {plain(sentences.headline(rehearsal))}",
        "\n".join(f"- {plain(reason.text)}" for reason in rehearsal.reasons),
        plain(sentences.basis(rehearsal)),
        _thresholds(rehearsal),
        _cost(rehearsal),
        _comparison(rehearsal),
        _policies(rehearsal),
        _simulated(rehearsal),
        _again(rehearsal),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _thresholds(rehearsal: Rehearsal) -> str:
    rows = [
        (_HOLDS[line.holds], code(line.expression), line.source, line.value, f"{line.estimate.interval} {line.estimate.size}")
        for line in metrics.lines(rehearsal)
    ]
    return to_table(("", "threshold", "source", "value", "95 % interval"), rows)


def _cost(rehearsal: Rehearsal) -> str:
    cost = rehearsal.cost
    if cost is None:
        return ""
    said = [f"**Cost:** {sentences.monthly(cost)} a month"]
    if words := sentences.budget(cost):
        said.append(words)
    if cost.usd_per_million_output_tokens is not None:
        said.append(f"{sentences.amount(cost, cost.usd_per_million_output_tokens)} per million output tokens")
    if cost.not_modelled:
        said.append(f"not modelled: {plain(', '.join(cost.not_modelled))}")
    return " · ".join(said)


def _comparison(rehearsal: Rehearsal) -> str:
    rows = [
        (
            f"{row.group}, {row.words}{', %' if row.unit == 'share' else ''}",
            row.predicted.text,
            row.measured.text,
            f"{row.measured.interval} {row.measured.size}",
            percent(row.relative, signed=True),
        )
        for row in metrics.comparison(rehearsal)
    ]
    table = to_table(("", "predicted", "measured", "95 % interval", "error"), rows)
    return _folded("Prediction and measurement", table)


def _policies(rehearsal: Rehearsal) -> str:
    findings = rehearsal.policies
    rows = [
        ("waived" if one.waived_by is not None else one.severity, code(one.rule), one.resource, one.message, one.fix)
        for one in findings[:_MOST_FINDINGS]
    ]
    table = to_table(("", "rule", "resource", "finding", "fix"), rows)
    if len(findings) > _MOST_FINDINGS:
        table += f"\n\n{len(findings) - _MOST_FINDINGS} more in `rehearsal.json`."
    denied = sum(one.denies for one in findings)
    return _folded(f"Policies: {denied} deny, {len(findings)} in all", table)


def _simulated(rehearsal: Rehearsal) -> str:
    return _folded("What is simulated", "\n".join(f"- {plain(text)}" for text in rehearsal.simulated))


def _again(rehearsal: Rehearsal) -> str:
    seed = "" if rehearsal.load.seed is None else f", seed {rehearsal.load.seed}"
    digest = f", graph {code(rehearsal.graph.digest[:19])}" if rehearsal.graph.digest else ""
    return f"Again: {code(rehearsal.command)}{seed}{digest}" if rehearsal.command else ""


def _folded(title: str, content: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n{content}\n\n</details>" if content else ""
