"""The gateway in front of the engines, in simulated time.

Rule 1: routing, limits, retries, breakers and prices are the gateway's own code (``workloads.gateway``), which takes the time as an
argument; nothing of it is written a second time. Only waiting and sending are simulated here.
Rule 2: emulated providers are the emulator's own timing and script with the seed that stands in its arguments, so that prediction and
measurement see the same answers.
"""

from simulations.gateway.deployed import DeployedGateway
from simulations.gateway.door import GatewayDoor
from simulations.gateway.faults import ProviderFault
from simulations.gateway.model import GatewayModel

__all__ = ["DeployedGateway", "GatewayDoor", "GatewayModel", "ProviderFault"]
