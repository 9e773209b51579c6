"""The federation of a stack: what a graph deploys, and how long its rounds take.

``deployed``  the programs of a graph with their arguments
``costs``     what a message costs the side that receives it, measured in one process
``rounds``    the rounds on simulated time: messages, cores, deadlines, clients that are killed
"""

from simulations.federation.costs import Costs
from simulations.federation.deployed import DeployedFederation
from simulations.federation.rounds import PredictedRound, predict_rounds

__all__ = ["Costs", "DeployedFederation", "PredictedRound", "predict_rounds"]
