"""Engines with continuous batching, simulated step by step, and the router in front of them."""

from simulations.serving.alone import serve_alone
from simulations.serving.engine import Engine, EngineRequest
from simulations.serving.router import RoundRobin, RoundRobinDoor
from simulations.serving.step_times import StepTimes

__all__ = ["Engine", "EngineRequest", "RoundRobin", "RoundRobinDoor", "StepTimes", "serve_alone"]
