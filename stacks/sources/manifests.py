"""Graphs from plain Kubernetes manifests: anybody's YAML or JSON files, or folders of them.

URNs are made in Pulumi's form, so that everything that reads a graph can name the resources; there are no parents, and no
dependencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource

_ENDINGS: Final = (".yaml", ".yml", ".json")


def from_manifests(paths: Sequence[Path]) -> Graph:
    """Read files, or folders with all ``.yaml``, ``.yml`` and ``.json`` files beneath them.

    Raises:
        ConfigurationError: a path does not exist, a file is not YAML, a document is no Kubernetes object, or two documents are the
            same object.
    """
    seen: dict[str, Path] = {}
    resources = []
    for path in _files(paths):
        for resource in _read(path):
            if resource.urn in seen:
                raise ConfigurationError(f"{path}: {resource.label} is already in {seen[resource.urn]}")
            seen[resource.urn] = path
            resources.append(resource)
    if not resources:
        raise ConfigurationError(f"no Kubernetes object in {', '.join(str(path) for path in paths)}")
    return Graph.of(resources, "manifests")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix in _ENDINGS and file.is_file())
        elif path.is_file():
            yield path
        else:
            raise ConfigurationError(f"{path}: there is no such file or folder")


def _read(path: Path) -> Iterator[Resource]:
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: is not YAML: {error}") from error
    for number, document in enumerate(documents, 1):
        if document is None:
            continue
        yield from _objects(document, f"{path} (document {number})")


def _objects(document: Any, place: str) -> Iterator[Resource]:
    if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
        raise ConfigurationError(f"{place}: `apiVersion` and `kind` are missing, so this is no Kubernetes object")
    if document["kind"] == "List":
        items = document.get("items") or []
        if not isinstance(items, list):
            raise ConfigurationError(f"{place}: `items` is {items!r}; a list of objects is expected")
        for item in items:
            yield from _objects(item, place)
        return
    metadata = document.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ConfigurationError(f"{place}: `metadata` is {metadata!r}; a mapping with the key `name` is expected")
    if not metadata.get("name"):
        raise ConfigurationError(f"{place}: `metadata.name` is missing")
    for key in ("name", "namespace"):
        if not isinstance(metadata.get(key) or "", str):
            raise ConfigurationError(f"{place}: `metadata.{key}` is {metadata[key]!r}, which is no text; put it in quotes")
    api_version = str(document["apiVersion"])
    kind = f"kubernetes:{api_version if '/' in api_version else 'core/' + api_version}:{document['kind']}"
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    yield Resource(f"urn:pulumi:manifests::manifests::{kind}::{name}", kind, name, inputs=document)
