"""The sequential specification of one key of a store, as a step function over its value."""

from __future__ import annotations

from typing import Any

from workloads.consensus.checking.history import Operation

#: The value of a key that was never written, or was deleted.
ABSENT = None


def step(value: Any, operation: Operation) -> tuple[bool, Any]:
    """Return whether ``operation`` may have its result if the key holds ``value``, and the key's value after it.

    ``get`` and ``delete`` have no argument; ``put`` and ``append`` have the value; ``compare_and_set`` has the pair
    (expected, new) and answers whether they were swapped. An operation that never returned may have any result.

    Raises:
        ValueError: the action is none of these.
    """
    open_ended = operation.returned is None
    match operation.action:
        case "get":
            return open_ended or operation.result == value, value
        case "put":
            return True, operation.argument
        case "compare_and_set":
            expected, new = operation.argument
            swapped = value == expected
            return open_ended or operation.result == swapped, new if swapped else value
        case "append":
            return True, (value or "") + operation.argument
        case "delete":
            return True, ABSENT
    raise ValueError(f"{operation}: unknown action; use get, put, compare_and_set, append or delete")
