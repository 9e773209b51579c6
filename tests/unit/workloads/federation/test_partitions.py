"""Every record belongs to exactly one client, however they are spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.federation.definition import Partition
from workloads.federation.errors import TaskError
from workloads.federation.tasks.partitions import spread

KINDS = st.sampled_from([Partition(kind="iid"), Partition(kind="shards"), Partition(kind="dirichlet", alpha=0.3)])


@settings(max_examples=40, deadline=None)
@given(KINDS, st.integers(1, 8), st.integers(0, 2**32 - 1), st.lists(st.integers(0, 4), min_size=60, max_size=200))
def test_a_partition_covers_all_records_once(partition: Partition, clients: int, seed: int, labels: list[int]) -> None:
    y = np.array(labels)
    parts = spread(y, clients, partition, seed)
    assert len(parts) == clients
    assert all(len(part) for part in parts)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    for part, again in zip(parts, spread(y, clients, partition, seed), strict=True):
        np.testing.assert_array_equal(part, again)


def test_two_shards_have_few_classes_and_a_small_alpha_is_skewed() -> None:
    y = np.repeat(np.arange(10), 100)
    shards = spread(y, 10, Partition(kind="shards"), 0)
    assert max(len(np.unique(y[part])) for part in shards) <= 3
    even, skewed = (
        max(np.bincount(y[part]).max() / len(part) for part in spread(y, 10, Partition(kind="dirichlet", alpha=alpha), 0))
        for alpha in (1000, 0.1)
    )
    assert even < 0.2
    assert skewed > 0.5


def test_too_few_records_are_an_error() -> None:
    with pytest.raises(TaskError, match=r"5 records cannot be spread over 3 clients \(shards\); at least 6"):
        spread(np.zeros(5, np.int64), 3, Partition(kind="shards"), 0)
