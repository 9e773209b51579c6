"""Error messages about an environment's file: file and line, key path, value, what is allowed, the nearest spelling, the fix.

Rule 1: nothing from the library that only a programmer understands: no pattern, no Python type name.
Rule 2: the value of a secret is never shown.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from stacks.environment import STACK_SECRETS, Environment
from stacks.environment.slips import InconsistentError, Slip, shown
from stacks.environment.thresholds import UnknownMetricError
from stacks.environment.values import FORMS

PROJECT: Final = "sandtable"
PREFIX: Final = PROJECT + ":"

#: What a field accepts, by pydantic's error type.
_EXPECTED: Final = {
    "bool_type": "`true` or `false` is expected",
    "dict_type": "a mapping is expected",
    "finite_number": "a finite number is expected",
    "float_type": "a number is expected",
    "int_type": "a whole number is expected",
    "list_type": "a list is expected",
    "model_type": "a mapping is expected",
    "string_type": "a text is expected",
    "tuple_type": "a pair is expected",
}
_KINDS: Final = {bool: "true or false", str: "a text", int: "a number", float: "a fraction", list: "a list", Mapping: "a mapping"}
_FLAGS: Final = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_UNIT: Final = re.compile(r"_(ms|s|h|gib|usd|days|tokens|share)(?=_|$)")
_WITH_SUFFIX: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)")
#: Factor from a suffix to the unit in the key's name.
_SUFFIXES: Final[dict[str, dict[str, float]]] = {
    "gib": {"Ki": 2**-20, "Mi": 2**-10, "Gi": 1, "Ti": 2**10, "KiB": 2**-20, "MiB": 2**-10, "GiB": 1, "TiB": 2**10},
    "ms": {"ms": 1, "s": 1000},
    "s": {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400},
    "h": {"s": 1 / 3600, "m": 1 / 60, "min": 1 / 60, "h": 1, "d": 24},
    "days": {"h": 1 / 24, "d": 1, "days": 1},
    "cpu": {"m": 0.001},
}


@dataclass(frozen=True)
class FileOfEnvironment:
    """The file with the mistakes: its path, its YAML tree (None if it is empty), and its fields by name."""

    path: Path
    tree: yaml.Node | None
    fields: Mapping[str, Any]

    def tell(self, slip: Slip) -> str:
        """Return a mistake as one line."""
        value = "" if slip.value is None or isinstance(slip.value, Mapping | list) else f" = {_shown(slip.value)}"
        line = _line(self.tree, slip.path)
        key = "the file's name" if slip.path == ("name",) and not line else shown(slip.path) or "the environment"
        return f"{self.path}{f':{line}' if line else ''}: {key}{value}: {slip.text}"

    def slips(self, error: ValidationError) -> Iterator[Slip]:
        """Yield the distinct mistakes in an error."""
        for problem in error.errors():
            cause = (problem.get("ctx") or {}).get("error")
            if isinstance(cause, InconsistentError):
                yield from (self._with_nearest(slip) for slip in cause.slips)
            else:
                yield _slip(problem, cause)

    def _with_nearest(self, slip: Slip) -> Slip:
        here: Any = self.fields
        for part in slip.path:
            here = here.get(part) if isinstance(here, Mapping) else here[part] if isinstance(here, list) and isinstance(part, int) else None
        default = "" if here is not None or isinstance(slip.path[-1], int) else "; this is the default, write another"
        return Slip(slip.path, slip.value, f"{slip.text}{nearest(str(slip.value), slip.allowed)}{default}")


def nearest(word: str, allowed: Sequence[str]) -> str:
    """Return `` — did you mean 'engine'?``, or "" if no spelling is close."""
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=0.5)
    return f" — did you mean {close[0]!r}?" if close else ""


def _slip(problem: Any, cause: object) -> Slip:
    location: tuple[str | int, ...] = tuple(problem["loc"])
    value, kind, context = problem["input"], problem["type"], problem.get("ctx") or {}
    if isinstance(cause, UnknownMetricError):
        value, text = cause.value, f"no such metric; allowed: {', '.join(cause.allowed)}{nearest(cause.value, cause.allowed)}"
    elif kind == "extra_forbidden":
        allowed = _keys_at(location[:-1])
        value, text = None, f"unknown key; allowed: {', '.join(allowed)}{nearest(str(location[-1]), allowed)}"
    elif kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        text = f"allowed: {', '.join(allowed)}{nearest(str(value), allowed)}"
    elif kind == "missing":
        value, text = None, "is missing"
    elif kind == "string_pattern_mismatch":
        text = FORMS[context["pattern"]]
    elif kind == "too_short":
        text = f"at least {context['min_length']} needed"
    elif kind in _EXPECTED:
        text = _of_another_kind(location, kind, value)
    else:
        message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be", 1)
        text = message[:1].lower() + message[1:]
    return Slip(location, value, text)


def _of_another_kind(location: Sequence[str | int], kind: str, value: Any) -> str:
    """The message for a value of the wrong type: expected, found, and how to write what was probably meant."""
    expected = _EXPECTED[kind]
    if kind == "finite_number":
        return f"{expected}, not infinite and not .nan"
    key = next((part for part in reversed(location) if isinstance(part, str)), "")
    if kind in {"int_type", "float_type"} and isinstance(value, str):
        amount = _amount(key, value, whole=kind == "int_type")
        if value.strip() == amount:
            return f"{expected}, not a text; write {amount} without quotes"
        unit = _UNIT.search(key)
        named = ", in CPUs" if key == "cpu" else f", in the unit that the key names ({unit[1]})" if unit else ""
        return f"{expected}{named}, without a suffix{f': {amount}' if amount else ''}"
    if kind == "bool_type" and isinstance(value, str) and (meant := _FLAGS.get(value.lower())):
        return f"{expected}, not a text; write {meant} without quotes"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"{expected}; write {value:.0f}"
    found = next((words for python, words in _KINDS.items() if isinstance(value, python)), "nothing")
    return f"{expected}, not {found}"


def _amount(key: str, text: str, *, whole: bool) -> str | None:
    """Return the plain number that a text such as ``512Mi`` means in the unit of ``key``, None if it means none."""
    match = _WITH_SUFFIX.fullmatch(text.strip())
    if match is None:
        return None
    unit = "cpu" if key == "cpu" else (found[1] if (found := _UNIT.search(key)) else "")
    factor = 1.0 if not match[2] else _SUFFIXES.get(unit, {}).get(match[2])
    if factor is None:
        return None
    number = float(match[1]) * factor
    return None if whole and not number.is_integer() else f"{number:.10g}"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _keys_at(location: Sequence[str | int]) -> list[str]:
    """Keys of the model at ``location`` of an environment; at the top level including those of the secrets."""
    model: Any = Environment
    named = False
    for part in location:
        if isinstance(part, int) or named:
            named = False  # the index in a list, or the name in a mapping of sections
            continue
        annotation = model.model_fields[part].annotation
        models = [kind for kind in _flatten(annotation) if issubclass(kind, BaseModel)]
        if not models:
            return []
        model, named = models[0], typing.get_origin(annotation) is dict
    if model is Environment:
        return [*(name for name in model.model_fields if name != "name"), *STACK_SECRETS]
    return list(model.model_fields)


def _flatten(annotation: Any) -> Iterator[type]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, list, tuple, dict, typing.Annotated):
        for argument in typing.get_args(annotation):
            yield from _flatten(argument)
    elif isinstance(annotation, type):
        yield annotation


def _line(tree: yaml.Node | None, location: Sequence[str | int]) -> int | None:
    """Line of the node at ``location`` below ``config``, or of the deepest parent that exists."""
    node = _child(tree, "config")
    if not isinstance(node, yaml.MappingNode) or not location:
        return None
    here: yaml.Node | None = node
    line: int | None = None
    for depth, part in enumerate(location):
        key = f"{PREFIX}{part}" if depth == 0 and _child(here, part) is None else part
        line = _key_line(here, key) or line
        here = _child(here, key)
        if here is None:
            break
    return line


def _child(node: yaml.Node | None, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        child: yaml.Node = node.value[key]
        return child
    return None


def _key_line(node: yaml.Node | None, key: str | int) -> int | None:
    if isinstance(node, yaml.MappingNode):
        return next((name.start_mark.line + 1 for name, _ in node.value if name.value == key), None)
    child = _child(node, key)
    return child.start_mark.line + 1 if child is not None else None
