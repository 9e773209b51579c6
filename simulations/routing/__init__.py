"""Which engine takes a request, and whether it is taken at all."""

from simulations.routing.admission import AdmissionDoor, ServiceClass
from simulations.routing.door import RouterDoor
from simulations.routing.policies import LeastOutstanding, Policy, PowerOfTwo, PrefixAffinity, RoundRobin
from simulations.routing.retries import RetryDoor

__all__ = [
    "AdmissionDoor",
    "LeastOutstanding",
    "Policy",
    "PowerOfTwo",
    "PrefixAffinity",
    "RetryDoor",
    "RoundRobin",
    "RouterDoor",
    "ServiceClass",
]
