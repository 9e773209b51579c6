"""Engines with continuous batching, simulated step by step."""

from simulations.serving.alone import serve_alone
from simulations.serving.engine import SlotEngine
from simulations.serving.port import Engine, EngineMaker, EngineRequest, Speed
from simulations.serving.step_times import StepTimes

__all__ = ["Engine", "EngineMaker", "EngineRequest", "SlotEngine", "Speed", "StepTimes", "serve_alone"]
