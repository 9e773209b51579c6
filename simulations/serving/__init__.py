"""Engines that batch continuously, simulated step by step, and the router before them."""

from simulations.serving.engine import Engine, EngineRequest
from simulations.serving.router import RoundRobin
from simulations.serving.step_times import StepTimes

__all__ = ["Engine", "EngineRequest", "RoundRobin", "StepTimes"]
