"""Reads ``Pulumi.<name>.yaml`` into an :class:`Environment`, and reports precisely what is wrong with it.

A configuration error names the file, the key path with its line, the value, what is allowed and the nearest valid spelling. All mistakes in
single fields are reported at once; if there are none, so are all contradictions between fields.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from foundation.errors import DocumentError
from foundation.formats import yaml_text
from stacks.environment import STACK_SECRETS, Environment
from stacks.environment.messages import PREFIX, PROJECT, FileOfEnvironment, nearest
from stacks.environment.slips import Slip
from stacks.errors import ConfigurationError

__all__ = ["PROJECT", "find", "load", "names"]

_FILE_NAME: Final = re.compile(r"^Pulumi\.([^/]+)\.ya?ml$")


def load(name_or_path: str, *, root: Path = Path()) -> Environment:
    """Read the environment called ``name_or_path`` (``dev``), or the file at that path.

    Raises:
        ConfigurationError: the file does not exist, is not YAML, or contains an invalid value.
    """
    path = find(name_or_path, root=root)
    match = _FILE_NAME.match(path.name)
    if not match:
        raise ConfigurationError(f"{path}: an environment's file is called Pulumi.<name>.yaml")
    try:
        documents = yaml_text.read(path)
    except DocumentError as error:
        raise ConfigurationError(str(error)) from error
    if len(documents) > 1:
        raise ConfigurationError(f"{path}: one document is expected, found {len(documents)}; remove the `---` between them")
    document = _or_empty(documents[0].value) if documents else {}
    config = _or_empty(document.get("config")) if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path}: a mapping with the key `config` is expected, with keys such as `{PREFIX}engine` under it")
    own = {key.removeprefix(PREFIX): value for key, value in config.items() if isinstance(key, str) and key.startswith(PREFIX)}
    # A secret belongs to the program, which reads it through Pulumi; it is not part of the typed model.
    fields = {key: value for key, value in own.items() if key not in STACK_SECRETS and key != "name"}
    file = FileOfEnvironment(path, documents[0].tree if documents else None, fields)
    slips = [*_keys_that_are_not_read(config), *_secrets_and_name(own, match.group(1))]
    environment = None
    try:
        environment = Environment.model_validate({**fields, "name": match.group(1)}, context=path.absolute())
    except ValidationError as error:
        slips += file.slips(error)
    if slips or environment is None:
        raise ConfigurationError("\n".join(dict.fromkeys(map(file.tell, slips))))
    return environment


def _or_empty(value: Any) -> Any:
    """Return an empty mapping for a missing value; an empty list or string stays, because it is a mistake to report."""
    return {} if value is None else value


def _keys_that_are_not_read(config: Mapping[Any, Any]) -> Iterator[Slip]:
    """Yield keys of ``config`` that nothing reads. Those of other projects and providers, such as ``aws:region``, are left to Pulumi."""
    for key in config:
        namespace, colon, name = str(key).partition(":")
        if not isinstance(key, str) or not colon:
            yield Slip((str(key),), None, f"this key is not used; write it as `{PREFIX}<name>`")
        elif namespace != PROJECT and difflib.get_close_matches(namespace, [PROJECT], cutoff=0.75):
            yield Slip((str(key),), None, f"unknown key — did you mean '{PREFIX}{name}'?")


def _secrets_and_name(own: Mapping[str, Any], name: str) -> Iterator[Slip]:
    for key in STACK_SECRETS:
        value = own.get(key, {"secure": ""})
        if not (isinstance(value, Mapping) and list(value) == ["secure"] and isinstance(value["secure"], str)):
            yield Slip(
                (key,), None, f"a secret must be encrypted here; set it with `pulumi config set --secret {key} <value> --stack {name}`"
            )
    if "name" in own:
        yield Slip(("name",), None, f"unknown key; this environment is called {name!r}, after its file: rename the file")


def names(root: Path) -> list[str]:
    """Return the names of the environments in ``root``, in order."""
    return sorted(match.group(1) for path in root.glob("Pulumi.*.yaml") if path.is_file() and (match := _FILE_NAME.match(path.name)))


def find(name_or_path: str, *, root: Path = Path()) -> Path:
    """Return the file of an environment.

    Raises:
        ConfigurationError: neither ``Pulumi.<name>.yaml`` in ``root`` nor a file at that path exists.
    """
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        if _is_file(path := Path(name_or_path)):
            return path
        raise ConfigurationError(f"{name_or_path}: there is no such file")
    path = root / f"Pulumi.{name_or_path}.yaml"
    if _is_file(path):
        return path
    known = names(root)
    if not known:
        raise ConfigurationError(f"no Pulumi.<name>.yaml in {root.resolve()}: run from the project's folder, or give the file's path")
    raise ConfigurationError(f"no environment {name_or_path!r}: there is {', '.join(known)}{nearest(name_or_path, known)}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # `is_file` raises on it, although no such file can exist
            return False
        raise
