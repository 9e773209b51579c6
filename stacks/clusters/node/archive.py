"""Writes a container image as an archive that containerd imports: one layer, no registry, no daemon.

Rule: the same input gives the same bytes, so the same digest: names are sorted, times are zero, everything belongs to root.

Source: OCI image specification 1.1 (image-layout, manifest, config), https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_MEDIA: Final = "application/vnd.oci.image."
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def write_image(
    path: Path,
    reference: str,
    files: Mapping[str, Path],
    *,
    links: Mapping[str, str] | None = None,
    entrypoint: Sequence[str] = (),
    machine: str = "x86_64",
) -> None:
    """Write an image called ``reference`` to ``path``.

    Args:
        path: The archive, an OCI layout in a tar file.
        reference: Full name with tag, for instance ``sandtable.dev/pause:1``.
        files: Executables, by their absolute path in the image.
        links: Symbolic links, likewise, with their targets.
        entrypoint: What a container runs.
        machine: As ``uname -m`` prints it.
    """
    layer = _layer(files, links or {})
    digest = _digest(layer)
    config = _json(
        {
            "architecture": _ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [digest]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}manifest.v1+json",
            "config": _descriptor("config.v1+json", config),
            "layers": [_descriptor("layer.v1.tar", layer)],
        }
    )
    named = _descriptor("manifest.v1+json", manifest) | {"annotations": {"io.containerd.image.name": reference}}
    index = _json({"schemaVersion": 2, "mediaType": f"{_MEDIA}index.v1+json", "manifests": [named]})
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", index)
        for blob in (config, layer, manifest):
            _add(archive, f"blobs/sha256/{_digest(blob).partition(':')[2]}", blob)


def _layer(files: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    parents = {parent.as_posix() for name in (*files, *links) for parent in Path(name.lstrip("/")).parents} | {"tmp"}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as layer:
        for parent in sorted(parents - {"."}):
            folder = tarfile.TarInfo(parent)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if parent == "tmp" else 0o755
            layer.addfile(folder)
        for name, source in sorted(files.items()):
            _add(layer, name.lstrip("/"), source.read_bytes(), mode=0o755)
        for name, target in sorted(links.items()):
            link = tarfile.TarInfo(name.lstrip("/"))
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, target, 0o777
            layer.addfile(link)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)  # time, owner and group are zero
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _descriptor(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": _MEDIA + kind, "digest": _digest(content), "size": len(content)}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
