"""How many replicas and nodes there should be: the algorithms of Kubernetes' autoscalers."""

from simulations.scaling.horizontal import Autoscaler, HorizontalSpec
from simulations.scaling.metrics import PodReadings, desired_replicas
from simulations.scaling.queue_length import QueueScaler, QueueSpec
from simulations.scaling.rules import DEFAULT_DOWN, DEFAULT_UP, Policy, Rules

__all__ = [
    "DEFAULT_DOWN",
    "DEFAULT_UP",
    "Autoscaler",
    "HorizontalSpec",
    "PodReadings",
    "Policy",
    "QueueScaler",
    "QueueSpec",
    "Rules",
    "desired_replicas",
]
