"""Policies that ``python -m workloads.reinforcement train`` has left, an action by state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foundation.training import CheckpointError, load_checkpoint
from workloads.applications.errors import PolicyError

Actions = np.ndarray[Any, np.dtype[np.int64]]


def read_actions(path: Path, environment: str, states: int, actions: int) -> Actions:
    """Return the policy for ``environment`` in ``path``, shape (states,).

    Raises:
        PolicyError: the file is missing or damaged, or a policy for something else.
    """
    try:
        found = load_checkpoint(path, "reinforcement/policy")
    except CheckpointError as error:
        raise PolicyError(str(error)) from error
    policy = found.arrays.get("actions")
    if found.recipe.get("environment") != environment or policy is None or policy.shape != (states,):
        raise PolicyError(
            f"{path}: a policy for {found.recipe.get('environment')}, not for {environment}; "
            f"train one with --algorithm=q-learning --environment={environment}"
        )
    if policy.dtype.kind != "i" or not ((policy >= 0) & (policy < actions)).all():
        raise PolicyError(f"{path}: names an action that {environment} does not have; train it again")
    return policy
