"""Coordination: a few keys that everyone agrees on, for locks, leaders and addresses; what etcd and Consul are used for.

``protocol``   keys with revisions, leases, watches
``errors``     by what the caller may do next
``memory``     the shipped fake, in this process
``keeping``    a lease that is kept alive while a block runs
``locks``      locks with fencing tokens, and the election of a leader
``services``   registration with health, and discovery
"""

from __future__ import annotations

from workloads.ports.coordination.errors import (
    CompactedError,
    CoordinationError,
    LeaseLostError,
    RefusedError,
    SlowWatcherError,
    UnavailableError,
    UnknownOutcomeError,
)
from workloads.ports.coordination.keeping import Keeping
from workloads.ports.coordination.locks import Election, Lock
from workloads.ports.coordination.memory import InMemoryCoordination
from workloads.ports.coordination.protocol import Change, Coordination, KeyValue, Listing, Revision
from workloads.ports.coordination.services import Instance, Registration, instances

__all__ = [
    "Change",
    "CompactedError",
    "Coordination",
    "CoordinationError",
    "Election",
    "InMemoryCoordination",
    "Instance",
    "Keeping",
    "KeyValue",
    "LeaseLostError",
    "Listing",
    "Lock",
    "RefusedError",
    "Registration",
    "Revision",
    "SlowWatcherError",
    "UnavailableError",
    "UnknownOutcomeError",
    "instances",
]
