"""Who has which records: independent and identically distributed, by shards, or with Dirichlet-distributed classes.

Rule 1: every record belongs to exactly one client, and every client has at least one.
Rule 2: the same definition gives the same partition everywhere, so each client finds its own part without asking.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from workloads.federation.definition import Partition
from workloads.federation.errors import TaskError
from workloads.federation.models.network import Labels

_TRIES: Final = 1000


def spread(y: Labels, clients: int, partition: Partition, seed: int) -> list[Labels]:
    """Return the rows of each client.

    Args:
        y: labels of all training records.
        clients: how many share them.
        partition: how.
        seed: of every draw.

    Raises:
        TaskError: there are too few records for so many clients, or no clients.
    """
    if clients < 1:
        raise TaskError(f"records are spread over one client or more, not {clients}")
    needed = clients * (partition.shards_per_client if partition.kind == "shards" else 1)
    if needed > len(y):
        raise TaskError(f"{len(y)} records cannot be spread over {clients} clients ({partition.kind}); at least {needed} are needed")
    random = np.random.default_rng([seed, clients])
    match partition.kind:
        case "iid":
            return [np.sort(part) for part in np.array_split(random.permutation(len(y)), clients)]
        case "shards":
            return _shards(y, clients, partition.shards_per_client, random)
        case "dirichlet":
            return _dirichlet(y, clients, partition.alpha, random)


def _shards(y: Labels, clients: int, each: int, random: np.random.Generator) -> list[Labels]:
    shards = np.array_split(np.argsort(y, kind="stable"), clients * each)
    dealt = random.permutation(len(shards)).reshape(clients, each)
    return [np.sort(np.concatenate([shards[index] for index in mine])) for mine in dealt]


def _dirichlet(y: Labels, clients: int, alpha: float, random: np.random.Generator) -> list[Labels]:
    """Split each class by shares of its own; drawn again until nobody is left without a record."""
    for _ in range(_TRIES):
        parts: list[list[Labels]] = [[] for _ in range(clients)]
        for label in np.unique(y):
            rows = random.permutation(np.flatnonzero(y == label))
            ends = np.cumsum(random.dirichlet(np.full(clients, alpha)))[:-1]
            for part, mine in zip(parts, np.split(rows, (ends * len(rows)).astype(int)), strict=True):
                part.append(mine)
        spread = [np.sort(np.concatenate(part)) for part in parts]
        if all(len(rows) for rows in spread):
            return spread
    raise TaskError(
        f"no Dirichlet partition with alpha {alpha:g} gives each of {clients} clients a record; raise alpha or take fewer clients"
    )
