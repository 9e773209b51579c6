"""Policies of the game: trained, read from a checkpoint, judged exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from foundation.training import CheckpointError, load_checkpoint
from workloads.applications.errors import PolicyError
from workloads.reinforcement.environments.noughts_and_crosses import cell_for, noughts_and_crosses, positions
from workloads.reinforcement.evaluation.exact import Solver

ENVIRONMENT: Final = "noughts-and-crosses"
Actions = np.ndarray[Any, np.dtype[np.int64]]
_NUMBER: Final = {board: state for state, board in enumerate(positions())}


def read_policy(path: Path) -> Actions:
    """Return the actions of the policy that ``python -m workloads.reinforcement train`` has left in ``path``.

    Raises:
        PolicyError: the file is missing or damaged, or no policy of this game.
    """
    try:
        found = load_checkpoint(path, "reinforcement/policy")
    except CheckpointError as error:
        raise PolicyError(str(error)) from error
    actions = found.arrays.get("actions")
    if found.recipe.get("environment") != ENVIRONMENT or actions is None or actions.shape != (len(_NUMBER),):
        raise PolicyError(
            f"{path}: a policy for {found.recipe.get('environment')}, not for {ENVIRONMENT}; train one with --environment={ENVIRONMENT}"
        )
    if not ((actions >= 0) & (actions < 9)).all():
        raise PolicyError(f"{path}: names a cell that the board does not have; train it again")
    return actions


def move(actions: Actions, board: str) -> int:
    """Return the cell that X takes.

    Raises:
        PolicyError: the board is no position with X to move.
    """
    state = _NUMBER.get(board)
    if state is None:
        raise PolicyError(f"board {board!r}: nine of X, O and . with X to move and nobody having won are expected")
    return cell_for(board, int(actions[state]))


def value(actions: Actions) -> float:
    """Return the exact mean reward against an opponent who moves at random."""
    return Solver(noughts_and_crosses()).expected_return(actions)
