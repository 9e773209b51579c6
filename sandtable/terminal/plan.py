"""What a deployment would change, or what was changed outside Pulumi: counts, the resources with their paths, cost and policies."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from rich.text import Text

from sandtable.report.words.quantities import count, usd
from sandtable.report.words.sentences import monthly
from sandtable.terminal.costs import show_cost
from sandtable.terminal.parts import bullet, grid, heading
from sandtable.terminal.policies import show_findings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from sandtable.document.answers.deployment import Drift, Plan, ResourceChange, Update

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


def show_preview(plan: Plan, console: Console) -> None:
    """Print what ``up`` would change, what it costs before and after, and what the policies say."""
    heading(console, "plan", plan.environment)
    _steps(plan.steps, console)
    _counts(plan.changes, console)
    cost = plan.cost
    show_cost(cost, console)
    before, after = cost.before_monthly_usd or 0.0, cost.monthly_usd or 0.0
    change = after - before
    if cost.unpriced:
        sentence = f"The monthly cost would be {monthly(cost)}; nodes without a price are not included, so the difference is unknown."
    elif round(change, 2):
        direction = "increase" if change > 0 else "decrease"
        sentence = f"The monthly cost would {direction} by {usd(abs(change))}: {usd(before)} -> {usd(after)}."
    else:
        sentence = f"The monthly cost stays at {usd(after)}."
    console.print(Text(sentence, "bold"))
    heading(console, "policies")
    if plan.policies:
        show_findings(plan.policies, console)
    else:
        console.print(Text("No rule has a finding.", "good"))
    if plan.denied:
        console.print(Text(f"{count(plan.denied, 'finding')} would block the release.", "bad"))


def show_update(environment: str, update: Update, console: Console) -> None:
    """Print in one line what an ``up`` or a ``down`` did."""
    changes = update.changes
    done = {operation: number for operation, number in changes.items() if number and operation != "same"}
    said = [f"{number} {_DONE.get(operation, operation)}" for operation, number in sorted(done.items())]
    if same := changes.get("same", 0):
        said.append(f"{same} unchanged" if done else f"nothing to change, {count(same, 'resource')} unchanged")
    console.print(Text(f"{environment}: {', '.join(said) or 'nothing was there'}.", "good"))


def show_drift(drift: Drift, console: Console) -> None:
    """Print what was changed on the cluster since the last deployment."""
    changed = [step for step in drift.steps if _operation(step) != "same"]
    if not changed:
        console.print(Text("No drift: the cluster is as it was deployed.", "good"))
        return
    heading(console, "drift", "changed by hand since the last deployment")
    _steps(changed, console)
    kept = drift.changes.get("same", 0)
    console.print(Text(f"{count(len(changed), 'resource')} changed, {kept} as deployed; the next `up` reverts it.", "unsure"))


def _operation(step: ResourceChange) -> str:
    name = step.operation
    return name if name in _OPERATIONS else "replace" if "replace" in name else "update"


def _steps(steps: Iterable[ResourceChange], console: Console) -> None:
    found: dict[str, list[ResourceChange]] = defaultdict(list)
    for step in steps:
        found[_operation(step)].append(step)
    for operation, (sign, style, _) in _OPERATIONS.items():
        if operation == "same":
            continue
        of_kind: dict[str, list[ResourceChange]] = defaultdict(list)
        for step in found[operation]:
            of_kind[step.label.partition(" ")[0]].append(step)
        for kind in sorted(of_kind):
            members = sorted(of_kind[kind], key=lambda step: step.label)
            # A first deployment creates hundreds of resources; numbers say more than names then.
            if operation == "create" and len(members) > _MOST_OF_A_KIND:
                bullet(console, f"{kind}: {len(members)}", sign, style)
                continue
            for step in members:
                paths = ", ".join(step.paths)
                bullet(console, f"{step.label}{f': {paths}' if paths else ''}", sign, style)


def _counts(changes: dict[str, int], console: Console) -> None:
    table = grid(*"L" * len(_OPERATIONS))
    table.add_row(
        *(
            Text(f"{sign} {changes.get(name, 0)} {words}", style if changes.get(name) else "quiet")
            for name, (sign, style, words) in _OPERATIONS.items()
        )
    )
    console.print(table)
