"""Policies of the recommender and its catalogue: read from files, judged exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from workloads.applications.errors import RequestError
from workloads.applications.policy_file import Actions, read_actions
from workloads.reinforcement.environments.recommender import GENRES, myopic, recommender
from workloads.reinforcement.evaluation.exact import Solver

ENVIRONMENT: Final = "recommender"
Catalogue = dict[int, tuple[str, ...]]


def read_policy(path: Path) -> Actions:
    """Return the genre by state of a trained policy; raises ``PolicyError`` like :func:`read_actions`."""
    return read_actions(path, ENVIRONMENT, GENRES**2, GENRES)


def read_catalogue(path: Path) -> Catalogue:
    """Return the items by genre of a JSON file such as ``{"0": ["an item"], … "7": ["another"]}``.

    Raises:
        RequestError: the file cannot be read, or is no such object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        items = {int(genre): tuple(each) for genre, each in content.items()}
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; name a catalogue with --catalogue") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RequestError(f"{path}: is no catalogue ({error}); an object of genre numbers and lists of items is expected") from error
    if not all(isinstance(item, str) for each in items.values() for item in each):
        raise RequestError(f"{path}: has an item that is no text; an object of genre numbers and lists of items is expected")
    return items


def judged(actions: Actions) -> str:
    """Return the exact value of a policy beside what is best, and beside what looks at the next click alone."""
    solver = Solver(recommender())
    mine, best, greedy = (solver.expected_return(each) for each in (actions, solver.optimal_policy(), myopic()))
    return f"{mine:.3f} discounted clicks, {mine / best:.1%} of the best policy's, {mine / greedy - 1:+.1%} over the likeliest click"
