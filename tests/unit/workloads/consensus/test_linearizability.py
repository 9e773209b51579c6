"""Histories small enough to be judged by eye, and the checker's verdicts on them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.consensus.checking.history import Operation
from workloads.consensus.checking.key_value import step
from workloads.consensus.checking.linearizability import Outcome, check


def op(action: str, argument: Any, result: Any, called: float, returned: float | None, key: str = "x") -> Operation:
    return Operation("c", key, action, argument, result, called, returned)


def put(value: str, called: float, returned: float | None) -> Operation:
    return op("put", value, None, called, returned)


def get(result: str | None, called: float, returned: float | None, key: str = "x") -> Operation:
    return op("get", None, result, called, returned, key)


def cas(expected: str | None, new: str, result: bool, called: float, returned: float | None) -> Operation:
    return op("compare_and_set", (expected, new), result, called, returned)


LINEARIZABLE = {
    "nothing": [],
    "one after another": [put("a", 0, 1), get("a", 2, 3)],
    "a read during a write sees old or new": [put("a", 0, 9), get(None, 1, 2), get("a", 3, 4)],
    "two writes at once, in either order": [put("a", 0, 9), put("b", 0, 9), get("a", 10, 11)],
    "a write without an answer happened": [put("a", 0, None), get("a", 5, 6)],
    "a write without an answer never happened": [put("a", 0, None), get(None, 5, 6)],
    "a write without an answer happens late": [put("a", 0, None), get(None, 5, 6), get("a", 7, 8)],
    "a read without an answer": [put("a", 0, 1), get("b", 2, None)],
    "a swap that fits": [put("a", 0, 1), cas("a", "b", True, 2, 3), get("b", 4, 5)],
    "a swap that does not fit": [put("a", 0, 1), cas("z", "b", False, 2, 3), get("a", 4, 5)],
    "of two swaps at once one fits": [put("a", 0, 1), cas("a", "b", True, 2, 9), cas("a", "c", False, 2, 9), get("b", 10, 11)],
    "delete": [put("a", 0, 1), op("delete", None, None, 2, 3), get(None, 4, 5)],
    "append": [op("append", "a", None, 0, 1), op("append", "b", None, 2, 3), get("ab", 4, 5)],
    "a return at the moment of a call overlaps with it": [put("a", 0, 1), get(None, 1, 2)],
}
VIOLATED = {
    "a read of what was never written": [get("a", 0, 1)],
    "a stale read": [put("a", 0, 1), put("b", 2, 3), get("a", 4, 5)],
    "a lost write": [put("a", 0, 1), get(None, 2, 3)],
    "reads go back in time": [put("a", 0, 9), get("a", 1, 2), get(None, 3, 4)],
    "two readers disagree on the order": [put("a", 0, 20), put("b", 0, 20), get("a", 1, 2), get("b", 3, 4), get("a", 5, 6)],
    "both of two swaps fit": [put("a", 0, 1), cas("a", "b", True, 2, 9), cas("a", "c", True, 2, 9)],
    "a write before its call": [get("a", 0, 1), put("a", 2, 3)],
    "a write without an answer happens once": [put("a", 0, None), put("b", 1, 2), get("b", 3, 4), get("a", 5, 6), get("b", 7, 8)],
    "a swap without an answer": [cas("z", "b", True, 0, None), get("b", 1, 2)],
    "after a delete": [put("a", 0, 1), op("delete", None, None, 2, 3), get("a", 4, 5)],
    "an append twice": [op("append", "a", None, 0, 1), get("aa", 2, 3)],
}


@pytest.mark.parametrize("name", LINEARIZABLE)
def test_linearizable(name: str) -> None:
    assert check(LINEARIZABLE[name], step).outcome is Outcome.LINEARIZABLE


@pytest.mark.parametrize("name", VIOLATED)
def test_violated(name: str) -> None:
    verdict = check(VIOLATED[name], step)
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.key == "x"
    assert verdict.stuck


def test_each_key_is_searched_alone() -> None:
    verdict = check([put("a", 0, 1), get(None, 2, 3, key="y"), get("b", 4, 5, key="z")], step)
    assert (verdict.outcome, verdict.key) == (Outcome.VIOLATED, "z")


def test_a_violation_names_the_longest_order_and_what_was_open() -> None:
    first, second, stale = put("a", 0, 1), put("b", 2, 3), get("a", 4, 5)
    verdict = check([stale, second, first], step)
    assert verdict.longest == (first, second)
    assert verdict.stuck == (stale,)
    assert str(verdict).splitlines() == [
        "key 'x': violated; after c put('x', 'b') -> None, from 2 to 3 none of these may come next:",
        "  c get('x', None) -> 'a', from 4 to 5",
    ]


def test_a_spent_budget_is_unknown() -> None:
    overlapping = [put(str(number), 0, 9) for number in range(8)]
    verdict = check([*overlapping, get("never", 10, 11)], step, step_budget=100)
    assert verdict.outcome is Outcome.UNKNOWN
    assert check([*overlapping, get("never", 10, 11)], step).outcome is Outcome.VIOLATED


def test_many_time_outs_do_not_make_many_orders() -> None:
    lost = [put(f"{number % 5}", number, None) for number in range(30)]
    gone = [op("delete", None, None, 30 + number, None) for number in range(10)]
    swaps = [cas("z", "y", False, 50 + 2 * number, 51 + 2 * number) for number in range(5)]
    seen = [get("3", 70, 71), put("w", 72, 73), get("w", 74, 75)]
    assert check([*lost, *gone, *swaps, *seen], step, step_budget=20_000).outcome is Outcome.LINEARIZABLE
    assert check([*lost, *gone, get("never", 70, 71)], step, step_budget=20_000).outcome is Outcome.VIOLATED


def test_a_long_history_meets_no_recursion_limit() -> None:
    assert check([put(str(moment), moment, moment + 0.5) for moment in range(5_000)], step).outcome is Outcome.LINEARIZABLE


def test_an_unknown_action_is_named() -> None:
    with pytest.raises(ValueError, match="unknown action"):
        check([op("increment", None, None, 0, 1)], step)


def possible(operations: list[Operation]) -> bool:
    """Whether some order of some of the operations fits, found by trying all: the definition itself."""
    open_ended = [each for each in operations if each.returned is None]
    done = [each for each in operations if each.returned is not None]
    for count in range(len(open_ended) + 1):
        for happened in itertools.combinations(open_ended, count):
            for order in itertools.permutations([*done, *happened]):
                if any(b.returned is not None and b.returned < a.called for a, b in itertools.combinations(order, 2)):
                    continue
                value = None
                for each in order:
                    fits, value = step(value, each)
                    if not fits:
                        break
                else:
                    return True
    return False


values = st.sampled_from(["a", "b"])
seen = st.sampled_from(["a", "b", None])


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    called = draw(st.integers(0, 6))
    returned = draw(st.one_of(st.none(), st.integers(called, 8)))
    action = draw(st.sampled_from(["get", "put", "compare_and_set"]))
    if action == "get":
        return get(draw(seen), called, returned)
    if action == "put":
        return put(draw(values), called, returned)
    return cas(draw(seen), draw(values), draw(st.booleans()), called, returned)


@given(st.lists(operations(), max_size=5))
def test_the_search_agrees_with_trying_every_order(history: list[Operation]) -> None:
    assert (check(history, step).outcome is Outcome.LINEARIZABLE) == possible(history)
