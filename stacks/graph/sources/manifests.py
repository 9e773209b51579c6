"""Graphs from plain Kubernetes manifests: plain YAML or JSON files, or folders of them.

Resources get URNs in Pulumi's form, so that every reader of a graph can name them; there are no parents and no dependencies. Lists
(``List``, ``ConfigMapList`` …) are split into their items.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from foundation.errors import DocumentError
from foundation.formats import json_text, yaml_text
from foundation.formats import text as texts
from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource
from stacks.graph.sources.shapes import checked
from stacks.graph.sources.unrendered import refuse_unrendered_document, refuse_unrendered_folder, template_hint
from stacks.graph.sources.unseen import unseen

_ENDINGS: Final = (".yaml", ".yml", ".json")
_LIST: Final = "List"


def from_manifests(paths: Sequence[Path]) -> Graph:
    """Read files, or all ``.yaml``, ``.yml`` and ``.json`` files under folders.

    Raises:
        ConfigurationError: a path does not exist; a file is not YAML or must be rendered first; a document is not a Kubernetes object or
            does not have the shape of its kind; or two documents are the same object.
    """
    seen: dict[tuple[str, ...], Path] = {}
    resources = []
    for path in _files(paths):
        for resource in _read(path):
            if (key := resource.object_key) in seen:
                raise ConfigurationError(f"{path}: {resource.label} is already in {seen[key]}")
            seen[key] = path
            resources.append(resource)
    if not resources:
        raise ConfigurationError(f"no Kubernetes object in {', '.join(str(path) for path in paths)}")
    return Graph.of(resources, "manifests", unseen(resources))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(_beneath(path))
        elif path.exists():  # a pipe or a device, too: `<(helm template …)`, /dev/stdin
            yield path
        else:
            raise ConfigurationError(f"{path}: there is no such file or folder")


def _beneath(folder: Path) -> Iterator[Path]:
    """Yield the manifests in a folder and its subfolders, including linked ones, each folder once.

    An unreadable folder is an error, because manifests that are not seen would pass every policy.
    """

    def refuse(error: OSError) -> None:
        raise ConfigurationError(f"{error.filename}: cannot be read: {error.strerror}") from error

    been: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in been:
            folders.clear()
            continue
        been.add((status.st_dev, status.st_ino))
        refuse_unrendered_folder(Path(place), names)
        for file in (Path(place, name) for name in names):
            if file.suffix in _ENDINGS and (file.is_file() or not file.exists()):  # reading a dangling link reports it
                yield file


def _read(path: Path) -> Iterator[Resource]:
    try:
        text = texts.decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror if isinstance(error, OSError) else error}") from error
    for number, document in enumerate(_documents(text, path), 1):
        if document is not None:
            refuse_unrendered_document(document, path)
            yield from _objects(document, f"{path} (document {number})")


def _documents(text: str, path: Path) -> list[Any]:
    """Read JSON if the text starts like JSON and parses as JSON, else YAML; like kubectl, ignore the file's extension."""
    not_json: ValueError | None = None
    if text.lstrip().startswith("{"):
        try:
            return list(json_text.documents(text))
        except ValueError as error:
            not_json = error
    try:
        return [document.value for document in yaml_text.parse(text, path)]
    except DocumentError as error:
        if hint := template_hint(text, path):
            raise ConfigurationError(hint) from error
        if not_json is not None and path.suffix == ".json":
            raise ConfigurationError(f"{path}: is not JSON: {not_json}") from error
        raise ConfigurationError(str(error)) from error


def _objects(document: Any, place: str) -> Iterator[Resource]:
    if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
        raise ConfigurationError(f"{place}: `apiVersion` and `kind` are missing, so this is not a Kubernetes object")
    kind = document["kind"]
    if kind == _LIST or (str(kind).endswith(_LIST) and "items" in document):
        yield from _items(document, place)
    else:
        yield _object(document, place)


def _items(document: dict[str, Any], place: str) -> Iterator[Resource]:
    items = document.get("items") or []
    if not isinstance(items, list):
        raise ConfigurationError(f"{place}: `items` is {items!r}; a list of objects is expected")
    # The API server omits kind and apiVersion from the items of a typed list.
    kind = str(document["kind"]).removesuffix(_LIST)
    known = {"apiVersion": document["apiVersion"], "kind": kind} if kind else {}
    for index, item in enumerate(items):
        yield from _objects({**known, **item} if isinstance(item, dict) else item, f"{place}, items[{index}]")


def _object(document: dict[str, Any], place: str) -> Resource:
    inputs = checked(document, place)
    metadata = inputs["metadata"]
    if not metadata.get("name"):
        hint = "; `generateName` differs each time, so give it a name" if metadata.get("generateName") else ""
        raise ConfigurationError(f"{place}: {inputs['kind']}: `metadata.name` is missing{hint}")
    return Resource.of_manifest(inputs, "manifests")
