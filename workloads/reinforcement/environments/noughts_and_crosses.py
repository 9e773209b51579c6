"""Noughts and crosses against an opponent who moves at random: a game small enough to be solved.

The learner plays X and moves first. A state is a position with X to move; an action is a cell, and one that is taken means the next free
cell. Reward 1 for a win, 0.5 for a draw, 0 for a loss. Perfect play wins 99.49 % and never loses.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from workloads.reinforcement.environments.finite import FiniteProcess, Outcome

EMPTY: Final = "." * 9
_CELLS: Final = 9
_LINES: Final = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


def winner(board: str) -> str | None:
    """Return ``X``, ``O``, ``draw``, or None while the game goes on; ``board`` has nine of ``X``, ``O``, ``.`` by row."""
    for a, b, c in _LINES:
        if board[a] != "." and board[a] == board[b] == board[c]:
            return board[a]
    return None if "." in board else "draw"


def cell_for(board: str, action: int) -> int:
    """Return the cell that ``action`` takes: itself, or the next free one."""
    return next(cell for step in range(_CELLS) if board[cell := (action + step) % _CELLS] == ".")


def put(board: str, cell: int, mark: str) -> str:
    """Return the board with ``mark`` in ``cell``."""
    return board[:cell] + mark + board[cell + 1 :]


@cache
def positions() -> tuple[str, ...]:
    """Return every position with X to move that can be reached, the empty board first; a state is an index into them."""
    found, todo = {EMPTY: None}, [EMPTY]
    while todo:
        board = todo.pop()
        for cell in range(_CELLS):
            if board[cell] != ".":
                continue
            for following in _replies(put(board, cell, "X")):
                if winner(following) is None and following not in found:
                    found[following] = None
                    todo.append(following)
    return tuple(found)


def _replies(board: str) -> list[str]:
    """Return the boards after X's move: after each answer of O, or itself where the game has ended."""
    if winner(board) is not None:
        return [board]
    return [put(board, cell, "O") for cell in range(_CELLS) if board[cell] == "."]


@cache
def noughts_and_crosses() -> FiniteProcess:
    """Return the process."""
    number = {board: state for state, board in enumerate(positions())}
    reward = {"X": 1.0, "draw": 0.5, "O": 0.0}

    def outcomes(board: str, action: int) -> list[Outcome]:
        replies = _replies(put(board, cell_for(board, action), "X"))
        ends = [winner(following) for following in replies]
        share = 1 / len(replies)
        return [
            (share, 0, reward[end], True) if end else (share, number[following], 0.0, False)
            for following, end in zip(replies, ends, strict=True)
        ]

    transitions = [[outcomes(board, action) for action in range(_CELLS)] for board in positions()]
    start = np.zeros(len(transitions))
    start[0] = 1
    return FiniteProcess(transitions, start, horizon=5)
