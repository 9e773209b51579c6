"""What our training programs share: checkpoints, a stop that loses nothing, curves. Knows no framework."""

from foundation.training.checkpoint import Checkpoint, CheckpointError, load_checkpoint, restoring, save_checkpoint
from foundation.training.stop import STOPPED, StopRequest
from foundation.training.times import Times

__all__ = ["STOPPED", "Checkpoint", "CheckpointError", "StopRequest", "Times", "load_checkpoint", "restoring", "save_checkpoint"]
