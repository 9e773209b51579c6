from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.serving.paged import BlockPool

CHAIN = (1, 2, 3, 4)


def finish(pool: BlockPool, hashes: tuple[int, ...]) -> int:
    """Serve a prompt of these blocks alone; return how many were found."""
    known = pool.known(hashes)
    pool.share(hashes[:known])
    assert pool.take(len(hashes) - known)
    new = pool.publish(hashes[known:])
    pool.give_back(len(hashes) - known - len(new), [*hashes[:known], *new])
    return known


def test_what_was_served_is_found_again_until_its_blocks_are_needed() -> None:
    pool = BlockPool(6)
    assert [finish(pool, CHAIN), finish(pool, CHAIN)] == [0, 4]
    finish(pool, (7, 8, 9))  # two empty blocks, and one of the chain: its last
    assert pool.known(CHAIN) == 3
    assert pool.evicted == 1


def test_shared_blocks_are_held_once_and_kept_while_one_holds_them() -> None:
    pool = BlockPool(4)
    assert pool.take(4)
    pool.publish(CHAIN)
    pool.share(CHAIN)
    pool.give_back(0, CHAIN)
    assert pool.held == 4
    assert not pool.take(1)
    pool.give_back(0, CHAIN)
    assert (pool.held, pool.free) == (0, 4)


def test_a_preempted_sequence_finds_its_beginning_again() -> None:
    pool = BlockPool(10)
    assert pool.take(8)
    pool.give_back(8, (), owner=5)
    assert pool.take(5)  # two empty ones, and the last three of the sequence
    assert pool.kept_of(5) == 5
    pool.regain(5, 4)
    assert (pool.held, pool.free, pool.kept_of(5)) == (9, 1, 0)


def test_without_caching_nothing_is_found() -> None:
    pool = BlockPool(8, caching=False)
    assert [finish(pool, CHAIN), finish(pool, CHAIN)] == [0, 0]
    assert pool.free == 8


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 9), max_size=5, unique=True)), max_size=25))
def test_every_block_is_held_or_free(moves: list[tuple[int, list[int]]]) -> None:
    pool = BlockPool(24, per_hash=2)
    held: list[tuple[int, list[int]]] = []
    for end, hashes in moves:
        known = pool.known(hashes)
        wanted = 2 * (len(hashes) - known)
        if wanted + pool.to_revive(hashes[:known]) <= pool.free:
            pool.share(hashes[:known])
            assert pool.take(wanted)
            new = pool.publish(hashes[known:])
            held.append((wanted - 2 * len(new), [*hashes[:known], *new]))
        if held and end == 0:
            pool.give_back(*held.pop(0))
        shared = Counter(key for _, keys in held for key in keys)
        assert pool.held == sum(own for own, _ in held) + 2 * len(shared)
        assert 0 <= pool.free <= 24
