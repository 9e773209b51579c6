"""What GPUs can do and what models ask of them: tables in which every value names its source."""

from simulations.hardware.gpus import Gpu, gpu, gpus
from simulations.hardware.models import Model, model, models

__all__ = ["Gpu", "Model", "gpu", "gpus", "model", "models"]
