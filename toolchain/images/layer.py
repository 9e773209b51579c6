"""Writes a layer of an image: a tar file, compressed, whose bytes depend on nothing but what is in it.

Rule 1: entries are sorted, and every time is zero. Hard links come last, because their targets must exist.
Rule 2: a layer is written to a file and digested on the way; it is never in memory as a whole.

Source: OCI image specification 1.1, layer.md, https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

#: Most of what compression can save, at a fifth of the time that the default level takes.
_LEVEL: Final = 1
_CHUNK: Final = 1 << 20
FOLDER_MODE: Final = 0o755
PROGRAM_MODE: Final = 0o755
FILE_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that has been written."""

    digest: str
    """``sha256:…`` of the compressed file."""
    size: int
    """Bytes of the compressed file."""
    diff_id: str
    """Digest of the tar file inside."""
    unpacked: int
    """Bytes of the tar file."""


class Contents:
    """What is to be in a layer, by path; a later entry replaces an earlier one of the same path."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[tarfile.TarInfo, Callable[[], IO[bytes]] | None]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def paths(self) -> list[str]:
        """Return the paths of what was added, without the leading slash."""
        return list(self._entries)

    def content(self, path: str) -> bytes:
        """Return the content of a file that was added."""
        content = self._entries[path][1]
        assert content is not None
        with content() as stream:
            return stream.read()

    def add_file(self, path: str, source: Path | bytes, *, mode: int = FILE_MODE, owner: int = 0) -> None:
        """Add a file with the content of ``source``."""
        if isinstance(source, bytes):
            content = source
            self._add(path, tarfile.REGTYPE, mode, owner, size=len(content), content=lambda: io.BytesIO(content))
        else:
            self._add(path, tarfile.REGTYPE, mode, owner, size=source.stat().st_size, content=lambda: source.open("rb"))

    def add_folder(self, path: str, *, mode: int = FOLDER_MODE, owner: int = 0) -> None:
        """Add a folder."""
        self._add(path, tarfile.DIRTYPE, mode, owner)

    def add_link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(path, tarfile.SYMTYPE, 0o777, 0, target=target)

    def add_tree(self, path: str, source: Path) -> None:
        """Add a folder with everything in it; of a mode only whether it may be executed is kept."""
        self.add_folder(path)
        for folder, folders, files in os.walk(source):
            folders[:] = [name for name in folders if name != "__pycache__"]
            here = PurePosixPath(path, Path(folder).relative_to(source).as_posix())
            for name in folders:
                self.add_folder(str(here / name))
            for name in files:
                file = Path(folder, name)
                if file.is_symlink():
                    self.add_link(str(here / name), str(file.readlink()))
                else:
                    self.add_file(str(here / name), file, mode=PROGRAM_MODE if file.stat().st_mode & stat.S_IXUSR else FILE_MODE)

    def add_member(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Add a member of another archive, which must stay open, as it is but for its times and the names of its owners."""
        kept = member.replace(deep=False, name=_plain(member.name), mtime=0, uname="", gname="")
        kept.pax_headers = {}
        if member.islnk():
            kept.linkname = _plain(member.linkname)
        content = (lambda: cast("IO[bytes]", archive.extractfile(member))) if member.isreg() else None
        self._entries[kept.name] = (kept, content)

    def write(self, path: Path) -> Layer:
        """Write the layer to ``path``; folders that were not added get the usual mode."""
        with path.open("wb") as file:
            outer = _Digesting(file)
            with gzip.GzipFile(filename="", fileobj=cast("IO[bytes]", outer), mode="wb", compresslevel=_LEVEL, mtime=0) as packed:
                inner = _Digesting(packed)
                with tarfile.open(fileobj=cast("IO[bytes]", inner), mode="w", format=tarfile.PAX_FORMAT) as archive:
                    self.write_to(archive)
        return Layer(outer.digest, outer.written, inner.digest, inner.written)

    def write_to(self, archive: tarfile.TarFile) -> None:
        """Write everything to an open archive."""
        for entry, content in self._sorted():
            if content is None:
                archive.addfile(entry)
            else:
                with content() as stream:
                    archive.addfile(entry, stream)

    def _add(
        self,
        path: str,
        kind: bytes,
        mode: int,
        owner: int,
        *,
        target: str = "",
        size: int = 0,
        content: Callable[[], IO[bytes]] | None = None,
    ) -> None:
        entry = tarfile.TarInfo(_plain(path))
        entry.type, entry.mode, entry.uid, entry.gid, entry.linkname, entry.size = kind, mode, owner, owner, target, size
        self._entries[entry.name] = (entry, content)

    def _sorted(self) -> Iterator[tuple[tarfile.TarInfo, Callable[[], IO[bytes]] | None]]:
        for name in list(self._entries):
            for parent in PurePosixPath(name).parents:
                if str(parent) != "." and str(parent) not in self._entries:
                    self.add_folder(str(parent))
        yield from (self._entries[name] for name in sorted(self._entries, key=lambda name: (self._entries[name][0].islnk(), name)))


class _Digesting:
    """A file that is written once, from its beginning to its end."""

    def __init__(self, file: Any) -> None:
        self._file, self._sum, self.written = file, hashlib.sha256(), 0

    @property
    def digest(self) -> str:
        return f"sha256:{self._sum.hexdigest()}"

    def write(self, content: bytes) -> int:
        self._sum.update(content)
        self.written += len(content)
        self._file.write(content)
        return len(content)

    def tell(self) -> int:
        return self.written

    def flush(self) -> None:
        self._file.flush()


def unpack(layer: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    """Write the regular files of ``layer`` whose paths are ``wanted``, and the links between them, below ``folder``."""
    with gzip.open(layer) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
        for member in archive:
            place = folder / member.name
            if not wanted(member.name):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if member.issym() and not member.linkname.startswith("/"):
                place.symlink_to(member.linkname)
            elif member.isreg():
                with cast("IO[bytes]", archive.extractfile(member)) as content, place.open("wb") as file:
                    shutil.copyfileobj(content, file, _CHUNK)
                place.chmod(member.mode & 0o777)


def _plain(path: str) -> str:
    return PurePosixPath(path.lstrip("/")).as_posix().removeprefix("./")
