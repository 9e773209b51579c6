"""Autoscaling inside a run: the declared autoscalers act on the engines while traffic is served."""

from simulations.scaling.running.autoscaling import Autoscaling, Setting
from simulations.scaling.running.record import NodeLife, PodLife, ScalingRecord

__all__ = ["Autoscaling", "NodeLife", "PodLife", "ScalingRecord", "Setting"]
