"""The documents of an image: its configuration, its manifest, and the archive that `docker load` and `ctr images import` take.

Source: OCI image specification 1.1, config.md, manifest.md, image-layout.md; Docker image specification 1.2 for ``manifest.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

from toolchain.images.layer import Contents, Layer
from toolchain.images.recipe import Recipe
from toolchain.images.store import Image, Store

_MEDIA: Final = "application/vnd.oci.image."
_MANIFEST: Final = f"{_MEDIA}manifest.v1+json"
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def config(recipe: Recipe, layers: Sequence[Layer]) -> bytes:
    """Return the configuration of an image."""
    environment = {"PATH": _PATH, **recipe.environment}
    run: dict[str, Any] = {
        "User": str(recipe.user),
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "WorkingDir": recipe.workdir,
    }
    if recipe.entrypoint:
        run["Entrypoint"] = list(recipe.entrypoint)
    if recipe.command:
        run["Cmd"] = list(recipe.command)
    machine = os.uname().machine
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    return _json({"architecture": _ARCHITECTURES.get(machine, machine), "os": "linux", "config": run, "rootfs": rootfs})


def manifest(configuration: bytes, layers: Sequence[Layer], annotations: Sequence[Mapping[str, str]]) -> bytes:
    """Return the manifest of an image; ``annotations`` are those of each layer."""
    described = [
        {
            "mediaType": f"{_MEDIA}layer.v1.tar+gzip",
            "digest": layer.digest,
            "size": layer.size,
            **({"annotations": dict(notes)} if notes else {}),
        }
        for layer, notes in zip(layers, annotations, strict=True)
    ]
    return _json(
        {"schemaVersion": 2, "mediaType": _MANIFEST, "config": _described(f"{_MEDIA}config.v1+json", configuration), "layers": described}
    )


def digest(content: bytes) -> str:
    """Return ``sha256:…``."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write_archive(image: Image, store: Store, file: IO[bytes]) -> None:
    """Write ``image`` to ``file`` as one tar file that is both an OCI layout and what `docker save` writes."""
    written = store.blob(image.digest).read_bytes()
    document = json.loads(written)
    named = _described(_MANIFEST, written) | {"annotations": {"io.containerd.image.name": image.reference}}
    docker = {
        "Config": _blob(document["config"]["digest"]),
        "RepoTags": [image.reference],
        "Layers": [_blob(layer["digest"]) for layer in document["layers"]],
    }
    contents = Contents()
    contents.add_file("oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
    contents.add_file("index.json", _json({"schemaVersion": 2, "mediaType": f"{_MEDIA}index.v1+json", "manifests": [named]}))
    contents.add_file("manifest.json", _json([docker]))
    for held in (image.digest, document["config"]["digest"], *(layer["digest"] for layer in document["layers"])):
        contents.add_file(_blob(held), store.blob(held))
    with tarfile.open(fileobj=file, mode="w|") as archive:
        contents.write_to(archive)


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _described(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}


def _json(document: Mapping[str, Any] | Sequence[Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
