"""The group that coordinates: its majority, and how long nobody can write after its leader is lost.

``deployed``  the group as a graph declares it
``quorum``    losses that it survives
``failover``  the time without writes, from the real protocol on a simulated clock
"""

from simulations.coordination.deployed import DeployedCoordination
from simulations.coordination.failover import Machine, times_without_writes_ms
from simulations.coordination.quorum import majority, survives, tolerated

__all__ = ["DeployedCoordination", "Machine", "majority", "survives", "times_without_writes_ms", "tolerated"]
