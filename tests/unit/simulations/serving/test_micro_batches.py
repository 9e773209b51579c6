from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from simulations.serving.micro_batches import Row, micro_batches


def cut(*rows: tuple[int, int, int], limit: int = 512) -> list[list[tuple[int, int, int]]]:
    return [[tuple(row) for row in part] for part in micro_batches([Row(*row) for row in rows], limit=limit)]


def test_neighbouring_slots_generate_in_one_micro_batch() -> None:
    assert cut((0, 1, 9), (1, 1, 8), (2, 1, 7)) == [[(0, 1, 9), (1, 1, 8), (2, 1, 7)]]


def test_a_gap_between_slots_cuts() -> None:
    assert cut((0, 1, 9), (2, 1, 8), (3, 1, 7)) == [[(0, 1, 9)], [(2, 1, 8), (3, 1, 7)]]


def test_a_prompt_gives_one_token_to_the_generating_neighbours_and_then_goes_alone() -> None:
    assert cut((0, 1, 9), (1, 100, 0)) == [[(0, 1, 9), (1, 1, 0)], [(1, 99, 1)]]


def test_a_prompt_in_a_lower_slot_than_those_that_generate_goes_alone() -> None:
    assert cut((1, 1, 9), (0, 100, 0)) == [[(1, 1, 9)], [(0, 100, 0)]]


def test_two_prompts_share_as_many_tokens_as_the_shorter_has() -> None:
    assert cut((0, 30, 0), (1, 50, 0)) == [[(0, 30, 0), (1, 30, 0)], [(1, 20, 30)]]


def test_the_limit_is_shared_equally() -> None:
    assert cut((0, 700, 0), (1, 700, 0)) == [
        [(0, 256, 0), (1, 256, 0)],
        [(0, 256, 256), (1, 256, 256)],
        [(0, 188, 512), (1, 188, 512)],
    ]


@given(
    st.lists(st.tuples(st.integers(1, 700), st.integers(0, 900)), min_size=1, max_size=6),
    st.sets(st.integers(0, 9), min_size=6, max_size=6),
    st.integers(8, 512),
)
def test_every_token_is_computed_once_and_in_order(parts: list[tuple[int, int]], slots: set[int], limit: int) -> None:
    rows = [Row(slot, tokens, context) for slot, (tokens, context) in zip(sorted(slots), parts, strict=False)]
    reached = {row.slot: row.context for row in rows}
    computed: Counter[int] = Counter()
    for part in micro_batches(rows, limit=limit):
        assert 0 < sum(row.tokens for row in part) <= limit
        for slot, tokens, context in part:
            assert context == reached[slot]
            reached[slot] += tokens
            computed[slot] += tokens
    assert computed == {row.slot: row.tokens for row in rows}
