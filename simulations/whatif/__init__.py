"""Scenarios run on the twin and compared with the baseline."""

from simulations.whatif.pairs import Pair, pairs
from simulations.whatif.results import ScenarioResult
from simulations.whatif.run import run
from simulations.whatif.scenarios import BASELINE, KINDS, Scenario, UnknownScenarioError, parse_scenario

__all__ = ["BASELINE", "KINDS", "Pair", "Scenario", "ScenarioResult", "UnknownScenarioError", "pairs", "parse_scenario", "run"]
