"""A stand-in for engines, for tests and benchmarks of load generators."""

from loadtests.testing.stub_engine import Behaviour, StubEngine

__all__ = ["Behaviour", "StubEngine"]
