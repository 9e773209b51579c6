"""Kubeconfig files, merged as kubectl does (client-go, tools/clientcmd, ``ClientConfigLoadingRules``).

Rule 1: the first file with a cluster, user or context of a given name wins, and entries are not merged; the first file with a current
context wins, too. A context, its cluster and its user may be in three different files.
Rule 2: a relative path in a file is relative to the file's folder.
Rule 3: files contain credentials. An error names the file, the line and the key, and never repeats the content.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foundation.errors import DocumentError
from foundation.formats import yaml_text
from stacks.errors import ConfigurationError

_FIX: Final = "name another with `cluster.kubeconfig` in the environment, or with $KUBECONFIG"
_HOME: Final = "~/.kube/config"
#: Keys of a cluster and of a user whose values are paths.
_PATHS: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True)
class Entry:
    """A cluster, a user or a context with absolute paths, and the file that defines it."""

    value: Mapping[str, Any]
    file: Path


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The merged content of several files."""

    files: tuple[Path, ...]
    current_context: str
    contexts: Mapping[str, Entry]
    clusters: Mapping[str, Entry]
    users: Mapping[str, Entry]

    @property
    def places(self) -> str:
        """The files as an error names them."""
        return ", ".join(map(str, self.files))

    def context(self, name: str) -> Entry:
        """Return the context with this name.

        Raises:
            ConfigurationError: there is no such context.
        """
        if found := self.contexts.get(name):
            return found
        close = difflib.get_close_matches(name, self.contexts, n=1)
        hint = f" — did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(f"{self.places}: no context {name!r}; there is {', '.join(self.contexts) or 'none'}{hint}")

    def cluster_of(self, context: str) -> Entry:
        """Return the cluster of a context.

        Raises:
            ConfigurationError: there is no such context, or it names no cluster.
        """
        name = self.context(context).value.get("cluster")
        if found := self.clusters.get(str(name)):
            return found
        raise ConfigurationError(f"{self.places}: context {context!r} names the cluster {name!r}, which does not exist")

    def user_of(self, context: str) -> Entry | None:
        """Return the user of a context; None if it names none and sends no credentials.

        Raises:
            ConfigurationError: there is no such context, or its user does not exist.
        """
        name = self.context(context).value.get("user")
        if not name:
            return None
        if found := self.users.get(str(name)):
            return found
        raise ConfigurationError(f"{self.places}: context {context!r} names the user {name!r}, which does not exist")

    def needed_for(self, context: str) -> tuple[Path, ...]:
        """Return the files that the context needs: one if that defines all of it, else all."""
        entries = (self.context(context), self.cluster_of(context), self.user_of(context))
        files = {entry.file for entry in entries if entry}
        return tuple(files) if len(files) == 1 else self.files


def named(kubeconfig: str | None, root: Path) -> tuple[Path, ...]:
    """Return the files to read, as kubectl finds them: the given one (relative to ``root``), $KUBECONFIG, ~/.kube/config.

    For a list in $KUBECONFIG: the files that exist, each once, or the first if none does.

    Raises:
        ConfigurationError: there is no home directory.
    """
    listed = [entry for entry in os.environ.get("KUBECONFIG", "").split(os.pathsep) if entry]
    folder, entries = (root, [kubeconfig]) if kubeconfig else (Path(), listed or [_HOME])
    paths = []
    for entry in entries:
        try:
            paths.append((folder / Path(entry).expanduser()).absolute())
        except RuntimeError as error:
            raise ConfigurationError(f"{entry}: there is no such home folder; {_FIX}") from error
    return tuple(dict.fromkeys(path for path in paths if path.exists())) or tuple(paths[:1])


def read(files: Iterable[Path]) -> Kubeconfig:
    """Read and merge files.

    Raises:
        ConfigurationError: one of them cannot be read or is not a kubeconfig.
    """
    paths = tuple(files)
    documents = [(path, _document(path)) for path in paths]
    merged: dict[str, dict[str, Entry]] = {key: {} for key in ("context", "cluster", "user")}
    for path, document in documents:
        for key, entries in merged.items():
            for name, value in _entries(document, key, path).items():
                entries.setdefault(name, Entry(_absolute(value, path.parent), path))
    current = next((str(document["current-context"]) for _, document in documents if document.get("current-context")), "")
    return Kubeconfig(paths, current, merged["context"], merged["cluster"], merged["user"])


def _document(path: Path) -> Mapping[str, Any]:
    try:
        documents = yaml_text.read(path)
    except DocumentError as error:
        raise ConfigurationError(f"{error}; {_FIX}") from error
    if len(documents) != 1 or not isinstance(document := documents[0].value, dict):
        raise ConfigurationError(f"{path}: this is not a kubeconfig; {_FIX}")
    return document


def _entries(document: Mapping[str, Any], key: str, path: Path) -> dict[str, Mapping[str, Any]]:
    listed = document.get(f"{key}s") or []
    found: dict[str, Mapping[str, Any]] = {}
    for index, entry in enumerate(listed if isinstance(listed, list) else [listed]):
        if not isinstance(entry, dict) or "name" not in entry or not isinstance(entry.get(key), dict):
            raise ConfigurationError(f"{path}: {key}s[{index}]: `name` and `{key}` are expected; correct it, or {_FIX}")
        name, value = str(entry["name"]), entry[key]
        if name in found:
            raise ConfigurationError(f"{path}: {key}s[{index}]: the name {name!r} is used twice; keep one of them")
        if key == "cluster" and not isinstance(value.get("server", ""), str):
            raise ConfigurationError(f"{path}: clusters[{index}].cluster.server: a URL is expected; correct it, or {_FIX}")
        for field in _PATHS:
            if not isinstance(value.get(field, ""), str):
                raise ConfigurationError(f"{path}: {key}s[{index}].{key}.{field}: a path is expected; put it in quotes")
        found[name] = value
    return found


def _absolute(value: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    return {**value, **{field: str(folder / value[field]) for field in _PATHS if value.get(field)}}
