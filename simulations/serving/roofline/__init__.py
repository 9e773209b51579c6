"""How long a step of a model takes on a GPU that is not here: a roofline with named coefficients, fitted to measured kernels."""

from simulations.serving.roofline.bounds import RooflineBounds
from simulations.serving.roofline.host import VLLM, Host
from simulations.serving.roofline.kernels import Kernels, kernels_of
from simulations.serving.roofline.times import RooflineTimes

__all__ = ["VLLM", "Host", "Kernels", "RooflineBounds", "RooflineTimes", "kernels_of"]
