"""The images of this machine, in the layout in which Docker's registry keeps its own: a registry that is started on it serves them.

Rule 1: content lies under its digest, once, however many images share it. It is written elsewhere and renamed: complete or absent.
Rule 2: an image exists when its tag does, and the tag comes last. So a registry may read at any time.
Rule 3: ``records/`` says what each image and layer was made from; a record whose content is gone counts as absent.

Source: distribution 2.8, registry/storage/paths.go, https://github.com/distribution/distribution
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from foundation.processes.atomic_file import write_bytes, write_text
from toolchain.cache import remove
from toolchain.images.layer import Layer

_REGISTRY: Final = Path("docker", "registry", "v2")


@dataclass(frozen=True)
class MadeLayer:
    """A layer in the store."""

    layer: Layer
    packages: Mapping[str, str]
    """Versions of the Debian packages or wheels in it."""
    seconds: float
    """How long it took."""


@dataclass(frozen=True)
class Image:
    """An image in the store."""

    reference: str
    key: str
    """Digest of everything that it was made from."""
    digest: str
    """Of its manifest, as container runtimes show it."""
    layers: tuple[str, ...]
    """Keys of its layers, the lowest first."""
    size: int
    """Bytes of its compressed layers."""
    unpacked: int
    """Bytes of its files."""
    packages: Mapping[str, str]
    """Versions of the Debian packages and wheels in it."""


class Store:
    """The images below the folder ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def blob(self, digest: str) -> Path:
        """Return the file of the content with ``digest``, which may not exist."""
        name = digest.partition(":")[2]
        return self.root / _REGISTRY / "blobs" / "sha256" / name[:2] / name / "data"

    def add_blob(self, digest: str, content: bytes | Path) -> None:
        """Keep ``content``; a file is moved, and must lie on the same file system."""
        place = self.blob(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            content.replace(place)
        elif not place.exists():
            write_bytes(place, content)

    def layer(self, key: str) -> MadeLayer | None:
        """Return the layer that was made from what ``key`` stands for."""
        document = _read(self._layer_record(key))
        if document is None:
            return None
        made = MadeLayer(Layer(**document["layer"]), document["packages"], document["seconds"])
        return made if _size(self.blob(made.layer.digest)) == made.layer.size else None

    def add_layer(self, key: str, staged: Path, made: MadeLayer) -> None:
        """Move a layer's file in, and record it."""
        self.add_blob(made.layer.digest, staged)
        _write(self._layer_record(key), asdict(made))

    def image(self, reference: str) -> Image | None:
        """Return the image called ``reference`` if all of it is here."""
        document = _read(self._image_record(reference))
        if document is None:
            return None
        image = Image(**document | {"layers": tuple(document["layers"])})
        complete = self.blob(image.digest).exists() and all(self.layer(key) for key in image.layers)
        return image if complete else None

    def images(self) -> list[Image]:
        """Return all complete images, by name."""
        records = sorted((self.root / "records" / "images").rglob("*.json"))
        named = (document["reference"] for record in records if (document := _read(record)))
        return [image for reference in named if (image := self.image(reference))]

    def add_image(self, image: Image, manifest: bytes, config: bytes, config_digest: str) -> None:
        """Keep an image whose layers are here, and give it its name."""
        self.add_blob(config_digest, config)
        self.add_blob(image.digest, manifest)
        repository, tag = split(image.reference)
        place = self.root / _REGISTRY / "repositories" / repository
        for key in image.layers:
            made = self.layer(key)
            assert made is not None
            _link(place / "_layers", made.layer.digest)
        _link(place / "_layers", config_digest)
        _link(place / "_manifests" / "revisions", image.digest)
        tagged = place / "_manifests" / "tags" / tag
        _link(tagged / "index", image.digest)
        (tagged / "current").mkdir(parents=True, exist_ok=True)
        _write(self._image_record(image.reference), asdict(image))
        write_text(tagged / "current" / "link", image.digest)

    def size(self) -> int:
        """Return the bytes of all content."""
        return sum(_size(blob) or 0 for blob in (self.root / _REGISTRY / "blobs" / "sha256").glob("*/*/data"))

    def prune(self, keep: Iterable[str]) -> int:
        """Remove all images but those whose references are in ``keep``, and the content that no other image has; return its bytes."""
        kept = [image for reference in keep if (image := self.image(reference))]
        manifests = [json.loads(self.blob(image.digest).read_bytes()) for image in kept]
        digests = {image.digest for image in kept} | {blob["digest"] for manifest in manifests for blob in _blobs(manifest)}
        for record in (self.root / "records" / "images").rglob("*.json"):
            if (document := _read(record)) is None or document["reference"] not in {image.reference for image in kept}:
                self._forget(document["reference"] if document else "")
                record.unlink()
        for record in (self.root / "records" / "layers").glob("*.json"):
            if record.stem not in {key for image in kept for key in image.layers}:
                record.unlink()
        freed = 0
        for blob in (self.root / _REGISTRY / "blobs" / "sha256").glob("*/*"):
            if f"sha256:{blob.name}" not in digests:
                freed += _size(blob / "data") or 0
                remove(blob)
        return freed

    def _forget(self, reference: str) -> None:
        if reference:
            repository, tag = split(reference)
            shutil.rmtree(self.root / _REGISTRY / "repositories" / repository / "_manifests" / "tags" / tag, ignore_errors=True)

    def _layer_record(self, key: str) -> Path:
        return self.root / "records" / "layers" / f"{key}.json"

    def _image_record(self, reference: str) -> Path:
        name, _, tag = reference.rpartition(":")
        return self.root / "records" / "images" / name / f"{tag}.json"


def store(cache: Path) -> Store:
    """Return the images of the cache in the folder ``cache``."""
    return Store(cache / "images")


def split(reference: str) -> tuple[str, str]:
    """Return the repository, without its registry, and the tag of a reference."""
    name, _, tag = reference.rpartition(":")
    return name.partition("/")[2], tag


def _blobs(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield manifest["config"]
    yield from manifest["layers"]


def _link(folder: Path, digest: str) -> None:
    algorithm, _, name = digest.partition(":")
    place = folder / algorithm / name
    place.mkdir(parents=True, exist_ok=True)
    write_text(place / "link", digest)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(document, indent=2, sort_keys=True) + "\n")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
