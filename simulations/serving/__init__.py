"""Engines with continuous batching, simulated step by step, and the router in front of them."""

from simulations.serving.alone import serve_alone
from simulations.serving.engine import SlotEngine
from simulations.serving.port import Engine, EngineMaker, EngineRequest, Speed
from simulations.serving.router import RoundRobin, RoundRobinDoor
from simulations.serving.step_times import StepTimes

__all__ = ["Engine", "EngineMaker", "EngineRequest", "RoundRobin", "RoundRobinDoor", "SlotEngine", "Speed", "StepTimes", "serve_alone"]
