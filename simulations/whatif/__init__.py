"""Scenarios run on the twin and compared with the baseline."""

from simulations.whatif.results import ScenarioResult
from simulations.whatif.run import run
from simulations.whatif.scenarios import BASELINE, KINDS, Scenario, UnknownScenarioError, parse_scenario

__all__ = ["BASELINE", "KINDS", "Scenario", "ScenarioResult", "UnknownScenarioError", "parse_scenario", "run"]
