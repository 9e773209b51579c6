"""Policies of the game: trained, read from a checkpoint, judged exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from workloads.applications.errors import PolicyError
from workloads.applications.policy_file import Actions, read_actions
from workloads.reinforcement.environments.noughts_and_crosses import EMPTY, cell_for, noughts_and_crosses, positions
from workloads.reinforcement.evaluation.exact import Solver

ENVIRONMENT: Final = "noughts-and-crosses"
_NUMBER: Final = {board: state for state, board in enumerate(positions())}


def read_policy(path: Path) -> Actions:
    """Return the actions of a trained policy; raises ``PolicyError`` like :func:`read_actions`."""
    return read_actions(path, ENVIRONMENT, len(_NUMBER), len(EMPTY))


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
