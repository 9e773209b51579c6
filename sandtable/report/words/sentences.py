"""A run in plain sentences, the same in the terminal, on the page and in a pull request.

Nothing is decided here: the verdict and its reasons come from the document. This module only finds the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandtable.report.words.facts import Item
from sandtable.report.words.quantities import ABSENT, count, figure, percent, usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandtable.document.parts.cost import Cost
    from sandtable.document.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Word:
    """A state as a mark and a word, so that it is readable without colour."""

    mark: str
    word: str


VERDICTS: Final = {"ship": Word("✓", "Ship"), "hold": Word("✗", "Hold"), "inconclusive": Word("?", "Inconclusive")}
HOLDS: Final = {True: Word("✓", "holds"), False: Word("✗", "broken"), None: Word("?", "undecided")}
OUTCOMES: Final = {
    "passed": Word("✓", "passed"),
    "failed": Word("✗", "failed"),
    "unknown": Word("-", "could not run"),
    "absent": Word("-", "not in this environment"),
    None: Word("·", "not run"),
}
STATUS: Final = {"done": Word("✓", "done"), "skipped": Word("-", "skipped"), "failed": Word("✗", "failed")}


def headline(rehearsal: Rehearsal) -> str:
    """Return the result in one sentence."""
    thresholds, name = [line for line in rehearsal.thresholds if line.decides], rehearsal.environment
    broken = sum(judged.holds is False for judged in thresholds)
    undecided = sum(judged.holds is None for judged in thresholds)
    denied = sum(finding.denies for finding in rehearsal.policies)
    if rehearsal.verdict == "ship":
        return f"{name} can ship: all {count(len(thresholds), 'threshold')} hold." if thresholds else f"{name} can ship."
    if rehearsal.verdict == "hold":
        causes = [f"{broken} of {count(len(thresholds), 'threshold')} broken"] if broken else []
        causes += [count(denied, "policy violation")] if denied else []
        causes += ["worse than the kept baseline"] if regressions(rehearsal) else []
        return f"{name} should not ship: {', '.join(causes)}." if causes else f"{name} should not ship."
    if undecided:
        return f"This run cannot decide on {name}: {undecided} of {count(len(thresholds), 'threshold')} undecided."
    return f"This run cannot decide on {name}."


def regressions(rehearsal: Rehearsal) -> list[str]:
    """Return what is worse than the kept baseline, a sentence each."""
    return [reason.text for reason in rehearsal.reasons if reason.cause == "regression"]


def basis(rehearsal: Rehearsal) -> str:
    """Return one sentence on what the verdict rests on."""
    predicted, measured = rehearsal.predicted, rehearsal.measured
    if predicted is None and measured is None:
        return "Nothing was predicted or measured; only the checks below were made."
    if measured is None:
        return f"It rests on a prediction of {count(predicted.requests if predicted else 0, 'request')}; nothing was measured."
    sent = f"a measurement of {count(measured.requests, 'request')}"
    if measured.requests and measured.good == 0:
        sent += ", of which every one failed"
    elif measured.failed:
        sent += f", of which {measured.failed:,} failed"
    if measured.limited:
        sent += f" ({measured.limited:,} more were refused, over their tenant's quota)"
    if predicted is None:
        return f"It rests on {sent}; there is no prediction to compare it with."
    return f"It rests on a prediction and on {sent}."


def what_it_buys(rehearsal: Rehearsal) -> list[Item]:
    """Return replicas, GPUs, nodes, tokens per second and USD per million tokens, each if it is known."""
    items = []
    if engines := rehearsal.engines:
        items.append(_counted(engines.replicas, "replica of the engine", "replicas of the engine"))
        if engines.gpus:
            items.append(_counted(engines.gpus, "GPU", "GPUs", "held by them"))
    if rehearsal.cost and rehearsal.cost.pools:
        nodes = sum(pool.nodes for pool in rehearsal.cost.pools)
        items.append(_counted(nodes, "node", "nodes", f"in {count(len(rehearsal.cost.pools), 'pool')}"))
    source = "measured" if rehearsal.measured else "predicted"
    outcome = rehearsal.outcome(source)
    if outcome and outcome.output_tokens_per_s is not None:
        items.append(Item("output tokens per second", figure(outcome.output_tokens_per_s), f"{source}, at this load"))
    if rehearsal.cost and rehearsal.cost.usd_per_million_output_tokens is not None:
        price = amount(rehearsal.cost, rehearsal.cost.usd_per_million_output_tokens)
        items.append(Item("per million output tokens", price, "at this load"))
    return items


def _counted(number: float, one: str, many: str, note: str = "") -> Item:
    return Item(one if number == 1 else many, figure(number, "count"), note)


def monthly(cost: Cost | None) -> str:
    """Return the monthly cost; see :func:`amount`."""
    return ABSENT if cost is None else amount(cost, cost.monthly_usd)


def amount(cost: Cost, value: float | None) -> str:
    """Return ``value``, a sum from ``cost``: with ``at least`` if nodes without a price are left out, a dash if no node has a price."""
    if value is None or (cost.unpriced and not any(pool.nodes and pool.usd_per_hour is not None for pool in cost.pools)):
        return ABSENT
    return f"at least {usd(value)}" if cost.unpriced else usd(value)


def budget(cost: Cost) -> str:
    """Return the monthly cost as a share of the budget; empty if either is unknown. $0 is a valid budget."""
    if cost.budget_usd is None or cost.monthly_usd is None or monthly(cost) == ABSENT:
        return ""
    if not cost.budget_usd:
        within = "" if cost.unpriced else f"within the budget of {usd(0)}"
        return f"over the budget of {usd(0)}" if cost.monthly_usd > 0 else within
    least = "at least " if cost.unpriced else ""
    return f"{least}{percent(cost.monthly_usd / cost.budget_usd)} of the budget of {usd(cost.budget_usd)}"


def zeros(cost: Cost) -> list[Item]:
    """Return the three kinds of zero, which mean different things."""
    free = [pool.name for pool in cost.pools if pool.usd_per_hour == 0]
    return [
        Item("priced at $0", ", ".join(free) or "none", "the price book lists it as free"),
        Item("no price known", ", ".join(cost.unpriced) or "none", "not in the sum: read it as “at least”"),
        Item("not modelled", ", ".join(cost.not_modelled) or "none", "do not read this as free"),
    ]


def deployed(rehearsal: Rehearsal) -> str:
    """Return one sentence on whether the deployment matches the program."""
    graph = rehearsal.graph
    if graph.matches_deployed is None:
        return "Nothing was deployed to compare the graph with."
    if graph.matches_deployed:
        return "What is deployed matches the program."
    return f"What is deployed differs from the program in {count(len(graph.differences), 'place')}:"


def points(scores: Mapping[str, int]) -> str:
    """Return what a scheduler's plugins gave a node, without those that gave nothing."""
    return ", ".join(f"{plugin} {score}" for plugin, score in scores.items() if score)
