"""Runs every scenario on the twin, replication by replication, until the headline metrics are precise enough.

Rule 1: the requests are the same for every scenario (``load.py``) and each spot market has its own random stream, so scenarios differ only
in what they change.
Rule 2: at least five replications, then until the half-width of every headline's 95 % interval is at most 5 % of its mean, or the cap. If
spot markets affect engines, all replications up to the cap are run: a few runs that agree could be luck. A trace has as many replications
as windows.
Rule 3: identical runs are executed once; this does not change the result.
Rule 4: an overloaded platform is run :data:`OVERLOADED` times, unless all replications are asked for: more runs would be stopped as well,
and tell nothing more. It is compared over these.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulations.statistics.replications import FEWEST
from simulations.whatif.changes import apply
from simulations.whatif.load import Load
from simulations.whatif.scenarios import BASELINE, Scenario
from simulations.whatif.summary import PRECISION, summarise, widest_headline
from simulations.whatif.trial import Memory, ScenarioRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulations.gateway import GatewayModel
    from simulations.serving import Speed
    from simulations.whatif.results import ScenarioResult
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.prices import PriceBook

#: Replications of a scenario whose backlog only grows.
OVERLOADED: Final = 3


def run(
    graph: Graph,
    environment: Environment,
    scenarios: Sequence[Scenario],
    *,
    calibration_for: Callable[[str | None], Speed],
    price_book: PriceBook,
    change: tuple[str, Graph] | None = None,
    seed: int = 1,
    replications: int = 20,
    exactly: bool = False,
    root: Path = Path(),
    skip_bad_rows: bool = False,
    gateway: GatewayModel | None = None,
    bands: bool = False,
    on_progress: Callable[[int, int, float], None] | None = None,
) -> list[ScenarioResult]:
    """Return the baseline, the change if there is one, and then one result for each scenario.

    Args:
        graph: the stack under test.
        environment: for its traffic and its budget; everything else comes from the graph.
        scenarios: the changes to try, see :func:`simulations.whatif.parse_scenario`.
        calibration_for: returns the engine's calibration for a GPU model, or for None if engines run on CPUs.
        price_book: prices of the nodes.
        change: name and graph of the stack after a change. It is the second result, and the scenarios apply to it.
        seed: of the whole run; the same seed gives the same results.
        replications: the cap; an interval needs at least 2.
        exactly: run all replications up to the cap, however precise the first ones are.
        root: folder that a relative path of a trace starts from.
        skip_bad_rows: skip the bad rows of a trace instead of rejecting it.
        gateway: what the requests go through; None: straight to the engines.
        bands: also say how far each latency may be off on another day, at the price of five more runs a scenario.
        on_progress: called after each replication with its number, the cap, and the widest half-width of a headline as a share of its
            mean (infinite until there are two).

    Raises:
        ConfigurationError: a scenario does not fit the graph, see ``changes.py`` and ``simulations.failures``.
        TwinError: the graph has no engine that can be simulated, or a calibration does not fit it.
        TraceError: the trace of the environment's traffic cannot be replayed.
    """
    # Duplicate scenarios are run once.
    unchanged = [apply(BASELINE, graph, price_book)]
    if change is not None:
        name, graph = change
        unchanged.append(replace(apply(BASELINE, graph, price_book), scenario=Scenario(name)))
    questions = [*unchanged, *(apply(scenario, graph, price_book) for scenario in dict.fromkeys(scenarios) if scenario != BASELINE)]
    largest = max(question.rate.largest for question in questions)
    load = Load.of(environment.traffic, root=root, seed=seed, largest=largest, skip_bad_rows=skip_bad_rows)
    cap = min(replications, load.windows or replications)
    budget_usd = environment.budget.monthly_usd
    trials = [
        ScenarioRuns(question, load, calibration_for=calibration_for, budget_usd=budget_usd, most=cap, gateway=gateway)
        for question in questions
    ]
    for number in range(1, cap + 1):
        memory: Memory = []
        for trial in trials:
            if exactly or len(trial.overloads) < OVERLOADED or trial.dice:
                trial.replicate(memory)
        widest = max((widest_headline(trial) for trial in trials if not trial.overloads), default=0.0)
        if on_progress:
            on_progress(number, cap, widest)
        if not exactly and number >= FEWEST and widest <= PRECISION and not any(trial.dice for trial in trials):
            break
    baseline = trials[0]
    return [summarise(trial, None if trial is baseline else baseline, bands=bands) for trial in trials]
