"""Reads ``Pulumi.<name>.yaml`` into an :class:`Environment`, and says precisely what is wrong with it.

A configuration error names the file, the key path with its line, the value, what is allowed and the nearest right spelling; all
errors of a file are reported at once.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from stacks.environment import Environment, UnknownReferenceError
from stacks.errors import ConfigurationError
from stacks.thresholds import UnknownMetricError

PROJECT: Final = "sandtable"
_PREFIX: Final = PROJECT + ":"
_FILE_NAME: Final = re.compile(r"^Pulumi\.([^/]+)\.ya?ml$")


def load(name_or_path: str, *, root: Path = Path()) -> Environment:
    """Read the environment called ``name_or_path`` (``dev``), or the file at that path.

    Raises:
        ConfigurationError: there is no such file, it is not YAML, or something in it cannot be meant.
    """
    path = find(name_or_path, root=root)
    match = _FILE_NAME.match(path.name)
    if not match:
        raise ConfigurationError(f"{path}: an environment's file is called Pulumi.<name>.yaml")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: is not YAML: {error}") from error
    config = document.get("config") or {} if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path}: a mapping with the key `config` is expected, with keys such as `{_PREFIX}engine` beneath it")
    if strange := [repr(key) for key in config if not isinstance(key, str)]:
        raise ConfigurationError(f"{path}: config: the key {strange[0]} is no text; write it as `{_PREFIX}<name>`, or in quotes")
    own = {key.removeprefix(_PREFIX): value for key, value in config.items() if key.startswith(_PREFIX)}
    # A `secure:` value belongs to the program, which reads it through Pulumi; it is no part of the typed model.
    fields = {key: value for key, value in own.items() if not (isinstance(value, Mapping) and set(value) == {"secure"})}
    try:
        return Environment.model_validate({**fields, "name": match.group(1)}, context=path.absolute())
    except ValidationError as error:
        raise ConfigurationError(_describe(error, path, tree, fields)) from error


def names(root: Path) -> list[str]:
    """Return the names of the environments in ``root``, in order."""
    return sorted(match.group(1) for path in root.glob("Pulumi.*.yaml") if (match := _FILE_NAME.match(path.name)))


def find(name_or_path: str, *, root: Path = Path()) -> Path:
    """Return the file of an environment.

    Raises:
        ConfigurationError: neither ``Pulumi.<name>.yaml`` in ``root`` nor a file at that path exists.
    """
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        if (path := Path(name_or_path)).is_file():
            return path
        raise ConfigurationError(f"{name_or_path}: there is no such file")
    path = root / f"Pulumi.{name_or_path}.yaml"
    if path.is_file():
        return path
    known = names(root)
    if not known:
        raise ConfigurationError(f"no Pulumi.<name>.yaml in {root.resolve()}: run from the project's folder, or give the file's path")
    raise ConfigurationError(f"no environment {name_or_path!r}: there is {', '.join(known)}{_nearest(name_or_path, known)}")


def _describe(error: ValidationError, path: Path, tree: yaml.Node | None, fields: Mapping[str, Any]) -> str:
    lines = [line for problem in error.errors() for line in _problem(problem, path, tree, fields)]
    return "\n".join(dict.fromkeys(lines))


def _problem(problem: Any, path: Path, tree: yaml.Node | None, fields: Mapping[str, Any]) -> Iterator[str]:
    location: tuple[str | int, ...] = tuple(problem["loc"])
    value: Any = problem["input"]
    cause = (problem.get("ctx") or {}).get("error")
    if isinstance(cause, UnknownReferenceError):
        location, value = _by_name(cause.path, fields), cause.value
        text = f"{value!r} does not exist; there is {', '.join(cause.allowed)}{_nearest(value, cause.allowed)}"
    elif isinstance(cause, UnknownMetricError):
        value = cause.value
        text = f"no such metric; allowed: {', '.join(cause.allowed)}{_nearest(value, cause.allowed)}"
    elif problem["type"] == "extra_forbidden":
        allowed = _fields_at(location[:-1])
        value, text = None, f"unknown key; allowed: {', '.join(allowed)}{_nearest(str(location[-1]), allowed)}"
    elif problem["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", problem["ctx"]["expected"]) or [problem["ctx"]["expected"]]
        text = f"allowed: {', '.join(allowed)}{_nearest(str(value), allowed)}"
    else:
        text = _sentence(problem)
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    shown = "" if value is None or isinstance(value, Mapping | list) else f" = {value!r}"
    line = _line(tree, location)
    yield f"{path}{f':{line}' if line else ''}: {key or 'the environment'}{shown}: {text}"


def _sentence(problem: Any) -> str:
    """Pydantic's message without its prefix, with the unit hint that a wrong type usually needs."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if problem["type"] in {"int_parsing", "float_parsing", "int_type", "float_type", "int_from_float"}:
        unit = re.search(r"_(ms|s|h|gib|usd|days|tokens|share)(?=_|$)", str(problem["loc"][-1]))
        message = "a number is expected" + (f", in the unit that the key names ({unit.group(1)}), without a suffix" if unit else "")
    return message


def _nearest(word: str, allowed: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=0.5)
    return f" — did you mean {close[0]!r}?" if close else ""


def _by_name(path: tuple[str, ...], fields: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Turn ``(node_pools, gpu-a, region)`` into ``(node_pools, 1, region)``."""
    located: list[str | int] = []
    here: Any = fields
    for part in path:
        if isinstance(here, list):
            index = next((i for i, item in enumerate(here) if isinstance(item, Mapping) and item.get("name") == part), 0)
            located.append(index)
            here = here[index] if here else None
        else:
            located.append(part)
            here = here.get(part) if isinstance(here, Mapping) else None
    return tuple(located)


def _fields_at(location: Sequence[str | int]) -> list[str]:
    """Names of the fields of the model that lies at ``location`` of an environment."""
    model: Any = Environment
    for part in location:
        if isinstance(part, int):
            continue
        models = [kind for kind in _flatten(model.model_fields[part].annotation) if issubclass(kind, BaseModel)]
        if not models:
            return []
        model = models[0]
    return [name for name in model.model_fields if not (model is Environment and name == "name")]


def _flatten(annotation: Any) -> Iterator[type]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, list, tuple, typing.Annotated):
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
        key = f"{_PREFIX}{part}" if depth == 0 else part
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
