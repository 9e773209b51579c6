"""Histories that others have recorded: Jepsen's logs of etcd, and those of a key-value store, as Porcupine's tests have both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workloads.consensus.checking.history import Operation

_JEPSEN = re.compile(r"^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.*)$")
_KEY_VALUE = re.compile(r'^\{:process (\d+), :type :(\w+), :f :(\w+), :key "(.*)", :value (?:nil|"(.*)")\}$')
_ACTIONS = {"read": "get", "write": "put", "cas": "compare_and_set"}

#: Client, type, action, key, value.
_Event = tuple[str, str, str, str, Any]


def read_jepsen(path: Path) -> list[Operation]:
    """Return the operations in a log of Jepsen's test of one register; lines about anything else are passed over."""
    return _assembled(_jepsen(path))


def read_key_value(path: Path) -> list[Operation]:
    """Return the operations in a history of a key-value store.

    Raises:
        ValueError: a line is no operation.
    """
    return _assembled(_key_value(path))


def _assembled(events: Iterator[_Event]) -> list[Operation]:
    """Pair calls and answers: ``ok`` and ``fail`` answer, ``info`` never does."""
    history, calls = list[Operation](), dict[str, tuple[int, str, str, Any]]()
    for moment, (client, kind, action, key, value) in enumerate(events):
        if kind == "invoke":
            calls[client] = (moment, action, key, value)
        elif kind in {"ok", "fail"}:
            called, _, _, argument = calls.pop(client)
            if value != ":timed-out":
                result = kind == "ok" if action == "compare_and_set" else value
                history.append(Operation(client, key, action, argument, result, called, moment))
    return history + [Operation(who, key, action, value, None, called, None) for who, (called, action, key, value) in calls.items()]


def _jepsen(path: Path) -> Iterator[_Event]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := _JEPSEN.match(line):
            client, kind, function, text = found.groups()
            value = None if text == "nil" else tuple(text[1:-1].split()) if text.startswith("[") else text
            yield client, kind, _ACTIONS[function], "register", value


def _key_value(path: Path) -> Iterator[_Event]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        found = _KEY_VALUE.match(line)
        if found is None:
            raise ValueError(f"{path}, line {number}: is no operation: {line[:80]}")
        client, kind, action, key, value = found.groups()
        yield client, kind, action, key, value
