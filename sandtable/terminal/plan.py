"""What a deployment would change, or what was changed by hand: counts, the resources with their paths, cost and policies."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from sandtable.report.run import parse_cost, parse_findings
from sandtable.report.words.quantities import count, usd
from sandtable.report.words.sentences import monthly
from sandtable.terminal.costs import show_cost
from sandtable.terminal.parts import bullet, grid, heading
from sandtable.terminal.policies import show_typed_findings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

#: Operation: sign, style and word; in the order of the counts.
_OPERATIONS: Final = {
    "create": ("+", "good", "to create"),
    "update": ("~", "unsure", "to update"),
    "replace": ("±", "unsure", "to replace"),
    "delete": ("-", "bad", "to delete"),
    "same": ("=", "quiet", "unchanged"),
}
_DONE: Final = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_MOST_OF_A_KIND: Final = 12


def show_preview(plan: dict[str, Any], console: Console) -> None:
    """Print what ``up`` would change, what it costs before and after, and what the policies say."""
    heading(console, "plan", str(plan.get("environment", "")))
    _steps(plan["steps"], console)
    _counts(plan["changes"], console)
    cost = parse_cost(plan["cost"])
    show_cost(cost, console)
    before, after = float(plan["cost"].get("before_monthly_usd") or 0.0), cost.monthly_usd or 0.0
    change = after - before
    if cost.unpriced:
        sentence = f"The monthly cost would be {monthly(cost)}; nodes without a price are not in it, so no difference is told."
    elif round(change, 2):
        direction = "increase" if change > 0 else "decrease"
        sentence = f"The monthly cost would {direction} by {usd(abs(change))}: {usd(before)} -> {usd(after)}."
    else:
        sentence = f"The monthly cost stays at {usd(after)}."
    console.print(Text(sentence, "bold"))
    heading(console, "policies")
    findings = parse_findings(plan["policies"])
    if findings:
        show_typed_findings(findings, console)
    else:
        console.print(Text("No rule has a finding.", "good"))
    if denied := sum(finding.blocks for finding in findings):
        console.print(Text(f"{count(denied, 'finding')} would hold the release.", "bad"))


def show_update(environment: str, changes: dict[str, int], console: Console) -> None:
    """Print in one line what an ``up`` or a ``down`` did."""
    done = {operation: number for operation, number in changes.items() if number and operation != "same"}
    said = [f"{number} {_DONE.get(operation, operation)}" for operation, number in sorted(done.items())]
    if same := changes.get("same", 0):
        said.append(f"{same} unchanged" if done else f"nothing to change, {count(same, 'resource')} as they were")
    console.print(Text(f"{environment}: {', '.join(said) or 'nothing was there'}.", "good"))


def show_drift(drift: dict[str, Any], console: Console) -> None:
    """Print what was changed on the cluster since the last deployment."""
    changed = [step for step in drift["steps"] if _operation(step) != "same"]
    if not changed:
        console.print(Text("Nothing was changed by hand: the cluster is as it was deployed.", "good"))
        return
    heading(console, "drift", "changed by hand since the last deployment")
    _steps(changed, console)
    kept = int(drift["changes"].get("same", 0))
    console.print(Text(f"{count(len(changed), 'resource')} changed, {kept} as deployed; the next `up` puts it back.", "unsure"))


def _operation(step: dict[str, Any]) -> str:
    name = str(step.get("operation", ""))
    return name if name in _OPERATIONS else "replace" if "replace" in name else "update"


def _steps(steps: Iterable[dict[str, Any]], console: Console) -> None:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for step in steps:
        found[_operation(step)].append(step)
    for operation, (sign, style, _) in _OPERATIONS.items():
        if operation == "same":
            continue
        of_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for step in found[operation]:
            of_kind[str(step["label"]).partition(" ")[0]].append(step)
        for kind in sorted(of_kind):
            members = sorted(of_kind[kind], key=lambda step: str(step["label"]))
            # A first deployment creates hundreds; then the number says more than the names.
            if operation == "create" and len(members) > _MOST_OF_A_KIND:
                bullet(console, f"{kind}: {len(members)}", sign, style)
                continue
            for step in members:
                paths = ", ".join(str(path) for path in step.get("paths") or ())
                bullet(console, f"{step['label']}{f': {paths}' if paths else ''}", sign, style)


def _counts(changes: dict[str, int], console: Console) -> None:
    table = grid(*"L" * len(_OPERATIONS))
    table.add_row(
        *(
            Text(f"{sign} {changes.get(name, 0)} {words}", style if changes.get(name) else "quiet")
            for name, (sign, style, words) in _OPERATIONS.items()
        )
    )
    console.print(table)
