"""The search for an order of a history that one copy could have answered.

The algorithm of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory of configurations ("Testing for
linearizability", 2017): take the first operation that may come next; if there is none, backtrack. A configuration is the set of operations
taken (a bit each) and the resulting state; a configuration seen before is pruned. Keys are independent, so each is searched alone (Horn and
Kroening's P-compositionality, 2015).

An operation that never returned need not be taken at all. So of two configurations that agree in the state and in the operations that did
return, the one with fewer others can do all that the other can. Of two equal operations the first called may go first. And none goes before
an operation that would lead to the same state without it. Without these rules a history with many time-outs has too many equivalent orders.

The search is a loop with an explicit stack, because a long history would exceed the interpreter's recursion limit.
"""

from __future__ import annotations

import enum
import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workloads.consensus.checking.history import Operation

Step = Callable[[Any, Operation], tuple[bool, Any]]


class Outcome(enum.Enum):
    """The result of the search; UNKNOWN is not a pass: the step budget ran out before a decision."""

    LINEARIZABLE = "linearizable"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for a history; for one that failed, its key and the longest order found.

    Attributes:
        outcome: of the whole history.
        steps: configurations tried, over all keys.
        key: the first key that is not linearizable, or not decided.
        longest: the longest order of that key's operations that one copy could have answered.
        stuck: the operations open where that order ends: none of them may come next.
    """

    outcome: Outcome
    steps: int
    key: str | None = None
    longest: tuple[Operation, ...] = ()
    stuck: tuple[Operation, ...] = ()

    def __str__(self) -> str:
        if self.key is None:
            return f"{self.outcome.value} after {self.steps:,} steps"
        after = f"after {self.longest[-1]}" if self.longest else "at the very start"
        return "\n  ".join((f"key {self.key!r}: {self.outcome.value}; {after} none of these may come next:", *map(str, self.stuck)))


def check(history: Iterable[Operation], step: Step, *, initial: Hashable = None, step_budget: int = 20_000_000) -> Verdict:
    """Search an order for each key of ``history``, and stop at the first key that has none.

    Args:
        history: operations in any order.
        step: (state of a key, operation) -> (may it have its result, state after it); states are hashable.
        initial: state of every key before the history.
        step_budget: configurations tried, over all keys, before the outcome is UNKNOWN.
    """
    by_key: dict[str, list[Operation]] = defaultdict(list)
    for operation in history:
        by_key[operation.key].append(operation)
    steps = 0
    for key, operations in by_key.items():
        search = _Search(operations)
        outcome = search.run(step, initial, step_budget - steps)
        steps += search.steps
        if outcome is not Outcome.LINEARIZABLE:
            return Verdict(outcome, steps, key, search.longest, search.stuck)
    return Verdict(Outcome.LINEARIZABLE, steps)


class _Configurations:
    """Those met so far, by state and operations that returned; of each the sets of others that were taken."""

    def __init__(self, open_ended: int) -> None:
        self._open_ended = open_ended
        self._seen: dict[tuple[int, Any], list[int]] = defaultdict(list)

    def add(self, taken: int, state: Any) -> bool:
        """Remember a configuration; False if one that can do as much was met before."""
        others = taken & self._open_ended
        known = self._seen[taken ^ others, state]
        if any(fewer & others == fewer for fewer in known):
            return False
        known.append(others)
        return True


class _Search:
    """The calls and returns of one key in a linked list, from which operations are lifted as they are taken.

    Entry 0 is the head. An entry's ``following`` is 0 at the end of the list.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = sorted(operations, key=lambda each: each.called)
        # A call sorts before a return at the same moment: the two overlap, which is all that the clock can tell.
        moments = [(each.called, 0, number) for number, each in enumerate(self.operations)]
        moments += [(each.returned, 1, number) for number, each in enumerate(self.operations) if each.returned is not None]
        moments.sort()
        count = len(moments) + 1
        self.following = [*range(1, count), 0]
        self.before = [count - 1, *range(count - 1)]
        self.operation_of = [-1] * count
        self.return_of = [0] * count  # of a call's entry: 0 where it never returned; of a return's entry: -1
        call_of: dict[int, int] = {}
        for entry, (_, is_return, number) in enumerate(moments, start=1):
            self.operation_of[entry] = number
            if is_return:
                self.return_of[entry] = -1
                self.return_of[call_of[number]] = entry
            else:
                call_of[number] = entry
        self.open_ended = 0  # operations that never returned, a bit each
        self.twins = [0] * len(self.operations)  # of such an operation: the bit of an equal one that was called before
        equal: dict[tuple[str, Any], int] = {}
        for number, each in enumerate(self.operations):
            if each.returned is None:
                self.open_ended |= 1 << number
                self.twins[number] = equal.get((each.action, each.argument), 0)
                equal[each.action, each.argument] = 1 << number
        self.steps = 0
        self.longest: tuple[Operation, ...] = ()
        self.stuck: tuple[Operation, ...] = ()

    def run(self, step: Step, state: Any, step_budget: int) -> Outcome:
        """Try orders until one takes every operation that returned, none is left, or the budget is spent."""
        following, return_of, operation_of, operations = self.following, self.return_of, self.operation_of, self.operations
        taken = 0
        seen = _Configurations(self.open_ended)
        seen.add(0, state)
        chosen: list[tuple[int, Any]] = []  # the call taken, and the state before it
        best = -1
        entry = following[0]
        for self.steps in itertools.count(1):
            if self.steps > step_budget:
                return Outcome.UNKNOWN
            if entry == 0:  # past the end without a return: what is left never returned, and may never have happened
                return Outcome.LINEARIZABLE
            if return_of[entry] >= 0:
                number = operation_of[entry]
                possible, after = step(state, operations[number])
                useful = possible and taken & self.twins[number] == self.twins[number]
                if useful and chosen and return_of[chosen[-1][0]] == 0:
                    useful = step(chosen[-1][1], operations[number]) != (True, after)
                if useful and seen.add(taken | 1 << number, after):
                    chosen.append((entry, state))
                    taken |= 1 << number
                    state = after
                    self._lift(entry)
                    entry = following[0]
                else:
                    entry = following[entry]
                continue
            if len(chosen) > best:
                best = len(chosen)
                self._remember(chosen, until=entry)
            if not chosen:
                return Outcome.VIOLATED
            entry, state = chosen.pop()
            taken &= ~(1 << operation_of[entry])
            self._put_back(entry)
            entry = following[entry]
        raise AssertionError

    def _remember(self, chosen: list[tuple[int, Any]], *, until: int) -> None:
        self.longest = tuple(self.operations[self.operation_of[entry]] for entry, _ in chosen)
        stuck, entry = [], self.following[0]
        while entry != until:
            stuck.append(self.operations[self.operation_of[entry]])
            entry = self.following[entry]
        self.stuck = tuple(stuck)

    def _lift(self, call: int) -> None:
        """Take a call and its return out of the list; they keep their own links, by which they are put back."""
        following, before = self.following, self.before
        for entry in (call, self.return_of[call]):
            if entry:
                following[before[entry]] = following[entry]
                before[following[entry]] = before[entry]

    def _put_back(self, call: int) -> None:
        following, before = self.following, self.before
        for entry in (self.return_of[call], call):
            if entry:
                following[before[entry]] = entry
                before[following[entry]] = entry
