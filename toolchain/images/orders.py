"""The layers that a recipe orders, each with a key.

Rule: the key of a layer is a digest of all that it is made from, so the same input is never made twice, and images share layers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from toolchain.cache import digest_of
from toolchain.catalogue import platform
from toolchain.environments.group import normalised, read_pins
from toolchain.errors import CatalogueError
from toolchain.finding.resolver import Resolver, Search
from toolchain.images.recipe import PYTHON, SUITE, Recipe, WantedImage
from toolchain.images.store import Store, store
from toolchain.installing.recipes import go_environment, own_go_caches

#: Raised when layers are written differently: whatever was made before is then made again.
_FORMAT: Final = 1
#: Where Crossplane looks for what a package is, and how it knows the layer (its specification of packages, xpkg).
_PACKAGE: Final = "/package.yaml"
_PACKAGE_LAYER: Final = {"io.crossplane.xpkg": "base"}


@dataclass(frozen=True)
class Order:
    """One layer to be made."""

    title: str
    key: str
    document: Mapping[str, Any]
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Of the layer, in the image's manifest."""


def orders_of(wanted: WantedImage, resolver: Resolver) -> list[Order]:
    """Return the layers of an image, the lowest first. A tool that is not here yet makes a key that no layer has."""
    recipe, name = wanted.recipe, wanted.repository.rpartition("/")[2]
    orders = []
    python = ""
    if recipe.packages:
        packages = sorted(set(recipe.packages))
        order = _order(
            f"debian ({', '.join(packages[:3])}…)" if len(packages) > 3 else f"debian ({', '.join(packages)})",
            {
                "kind": "debian",
                "suite": SUITE,
                "packages": packages,
            },
        )
        orders.append(order)
        python = order.key if recipe.has_python else ""
    if recipe.requirements:
        orders.append(_wheels(wanted, python, store(resolver.cache.root)))
    if recipe.tools:
        found = {_below_usr(path, recipe): resolver.search(tool) for path, tool in recipe.tools.items()}
        files = {path: str(search.tool.path) for path, search in found.items() if search.tool}
        sums = {path: _sum_of(search) for path, search in found.items()}
        orders.append(_order(f"programs of {name}", _files(files), files=sums))
    users = {"root": 0, "nobody": 65534, **recipe.users}
    texts = {
        "/etc/passwd": "".join(f"{user}:x:{number}:{number}::/:/usr/sbin/nologin\n" for user, number in users.items()),
        "/etc/group": "".join(f"{user}:x:{number}:\n" for user, number in users.items()),
        **{_below_usr(path, recipe): text for path, text in recipe.texts.items()},
    }
    files = {_below_usr(path, recipe): str(wanted.root / source) for path, source in recipe.files.items()}
    links = {_below_usr(path, recipe): target for path, target in recipe.links.items()}
    modules, versions = _modules(recipe, resolver)
    folders = {"/tmp": 0, **recipe.folders}  # noqa: S108  # in the image
    document = _files(files, texts=texts, links=links, folders=folders, modules=modules, python=python)
    orders.append(
        _order(f"files of {name}", document, files={path: _digest(Path(source)) for path, source in files.items()}, modules=versions)
    )
    if recipe.package:
        source = wanted.root / recipe.package
        order = _order(f"package of {name}", _files({_PACKAGE: str(source)}), files={_PACKAGE: _digest(source)})
        orders.append(replace(order, annotations=_PACKAGE_LAYER))
    return orders


def _wheels(wanted: WantedImage, python: str, made: Store) -> Order:
    """Order the wheels; a layer of earlier constraints is good as long as it has the versions of today's."""
    title = f"wheels of {wanted.repository.rpartition('/')[2]}"
    document = {"kind": "wheels", "for": PYTHON, "requirements": sorted(set(wanted.recipe.requirements)), "python": python}
    if not wanted.recipe.constraints:
        return _order(title, document | {"constraints": ""})
    constraints = wanted.root / wanted.recipe.constraints
    order = _order(title, document | {"constraints": str(constraints)}, constraints="")
    if (earlier := made.layer(order.key)) is None:
        return order
    pins = read_pins(constraints)
    wanted_now = {name: sorted(pins.get(normalised(name), {version})) for name, version in earlier.packages.items()}
    if all(version in wanted_now[name] for name, version in earlier.packages.items()):
        return order
    return _order(title, order.document, constraints=wanted_now)


def _files(
    files: Mapping[str, str],
    *,
    texts: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
    folders: Mapping[str, int] | None = None,
    modules: Mapping[str, Any] | None = None,
    python: str = "",
) -> dict[str, Any]:
    found = {"files": files, "texts": texts or {}, "links": links or {}, "folders": folders or {}, "modules": modules or {}}
    return {"kind": "files", "python": python, **found}


def _modules(recipe: Recipe, resolver: Resolver) -> tuple[dict[str, Any], dict[str, str]]:
    """Return how Go tells the folders of ``recipe.modules``, and what stands for them in a key."""
    found: dict[str, Any] = {}
    versions: dict[str, str] = {}
    for path, named in recipe.modules.items():
        tool, _, folder = named.partition(": ")
        entry = resolver.catalogue[tool]
        if entry.build is None or resolver.go is None:
            raise CatalogueError(f"an image wants {named!r}: {tool} is not built from a Go module here")
        environment = go_environment({}, own_go_caches(resolver.environ, resolver.cache.root))
        asking = [str(resolver.go.path), "list", "-C", str(resolver.catalogue.modules / entry.build.folder)]
        found[path] = {"command": [*asking, "-f", "{{.Module.Dir}}", entry.build.package], "environment": environment, "folder": folder}
        versions[path] = f"{resolver.key(entry)} {folder}"
    return found, versions


def _order(title: str, document: Mapping[str, Any], **instead: Any) -> Order:
    """Return the order of a layer; in its key, paths of this machine are replaced by digests of what lies there."""
    said = {key: value for key, value in {**document, **instead, "format": _FORMAT, "platform": platform()}.items() if value}
    key = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]
    return Order(title, key, document)


def key_of(recipe: Recipe, orders: Sequence[Order]) -> str:
    """Return what stands for all that an image is made from."""
    said = [recipe.model_dump(mode="json", exclude_defaults=True), [order.key for order in orders]]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]


def _below_usr(path: str, recipe: Recipe) -> str:
    """Return the path without Debian's links from / to /usr, which a folder of a higher layer would hide."""
    merged = path.startswith(("/bin/", "/sbin/", "/lib/", "/lib64/"))
    return f"/usr{path}" if merged and recipe.packages else path


def _sum_of(search: Search) -> str:
    if search.installed is not None:
        return search.installed.receipt.sha256
    return digest_of(search.tool.path) if search.tool else ""


def _digest(path: Path) -> str:
    """Return a digest of a file, or of a folder with all that is in it.

    Raises:
        CatalogueError: it does not exist.
    """
    if not path.exists():
        raise CatalogueError(f"{path}: does not exist, and an image is to contain it")
    files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts) if path.is_dir() else [path]
    said = "".join(f"{file.relative_to(path)}\0{digest_of(file)}\0{file.stat().st_mode & 0o100}\0" for file in files)
    return hashlib.sha256(said.encode()).hexdigest()
