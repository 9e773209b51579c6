from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from toolchain import Resolver
from toolchain.errors import CatalogueError
from toolchain.images import Image, Recipe, Store, WantedImage, store, write_archive
from toolchain.images.documents import config, digest, manifest
from toolchain.images.layer import Contents, Layer
from toolchain.images.making import drop_scripts
from toolchain.images.orders import orders_of
from toolchain.images.recipe import PYTHON_PACKAGES, read_recipe
from toolchain.images.store import MadeLayer

REFERENCE = "registry.example/team/a:1"


def listed(layer: Path) -> dict[str, tuple[bytes, str, float, int]]:
    with tarfile.open(layer) as files:
        return {entry.name: (entry.type, oct(entry.mode), entry.mtime, entry.uid) for entry in files}


class TestLayer:
    def test_the_same_contents_give_the_same_bytes_in_whatever_order_they_were_added(self, tmp_path: Path) -> None:
        def add_folder(contents: Contents) -> None:
            contents.add_folder("/tmp", mode=0o1777)

        def add_file(contents: Contents) -> None:
            contents.add_file("/bin/a", b"\x7fELF", mode=0o755, owner=7)

        def add_link(contents: Contents) -> None:
            contents.add_link("bin/b", "a")

        written = []
        for number, order in enumerate(([add_folder, add_file, add_link], [add_link, add_file, add_folder])):
            contents = Contents()
            for add in order:
                add(contents)
            written.append(contents.write(tmp_path / str(number)))
        assert written[0] == written[1]
        content = (tmp_path / "0").read_bytes()
        assert written[0].digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert written[0].diff_id == f"sha256:{hashlib.sha256(gzip.decompress(content)).hexdigest()}"
        assert (written[0].size, written[0].unpacked) == (len(content), len(gzip.decompress(content)))
        assert listed(tmp_path / "0") == {
            "bin": (tarfile.DIRTYPE, "0o755", 0, 0),
            "bin/a": (tarfile.REGTYPE, "0o755", 0, 7),
            "bin/b": (tarfile.SYMTYPE, "0o777", 0, 0),
            "tmp": (tarfile.DIRTYPE, "0o1777", 0, 0),
        }

    def test_a_folder_comes_whole_but_for_what_python_compiled_here(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        (source / "__pycache__").mkdir(parents=True)
        (source / "__pycache__" / "a.pyc").write_bytes(b"")
        (source / "run").write_bytes(b"#!/bin/sh\n")
        (source / "run").chmod(0o700)
        (source / "link").symlink_to("run")
        contents = Contents()
        contents.add_tree("/app", source)
        contents.write(tmp_path / "layer")
        kinds = {name: entry[:2] for name, entry in listed(tmp_path / "layer").items()}
        assert kinds == {
            "app": (tarfile.DIRTYPE, "0o755"),
            "app/run": (tarfile.REGTYPE, "0o755"),
            "app/link": (tarfile.SYMTYPE, "0o777"),
        }

    def test_a_hard_link_comes_after_its_target_and_times_of_another_archive_are_dropped(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "in.tar", "w") as archive:
            file = tarfile.TarInfo("./z")
            file.size, file.mtime, file.uname = 1, 1e9, "builder"
            archive.addfile(file, io.BytesIO(b"x"))
            link = tarfile.TarInfo("./a")
            link.type, link.linkname = tarfile.LNKTYPE, "./z"
            archive.addfile(link)
        contents = Contents()
        with tarfile.open(tmp_path / "in.tar") as archive:
            for member in archive:
                contents.add_member(archive, member)
            contents.write(tmp_path / "layer")
        with tarfile.open(tmp_path / "layer") as files:
            assert [(entry.name, entry.linkname, entry.mtime, entry.uname) for entry in files] == [("z", "", 0, ""), ("a", "z", 0, "")]


CONTAINERFILE = """\
# A comment.
FROM python:3.13.9-slim-bookworm
RUN pip install --no-cache-dir one==1.0 \\
 two==2.0 \\
 && useradd --uid 10001 --no-create-home somebody \\
 && mkdir /data && chown somebody:somebody /data
COPY foundation /app/foundation
COPY a.py b.py /app/
ENV MODE=fast
WORKDIR /app
USER somebody
VOLUME /data
ENTRYPOINT ["python", "-m", "one"]
EXPOSE 80
"""


class TestContainerfile:
    def read(self, tmp_path: Path, text: str, **besides: object) -> Recipe:
        (tmp_path / "Containerfile").write_text(text, encoding="utf-8")
        return read_recipe("here", {"containerfile": "Containerfile", **besides}, tmp_path)

    def test_it_says_what_is_installed_copied_and_started(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, CONTAINERFILE) == Recipe(
            packages=PYTHON_PACKAGES,
            requirements=("one==1.0", "two==2.0"),
            files={"/app/foundation": "foundation", "/app/a.py": "a.py", "/app/b.py": "b.py"},
            links={"/usr/local/bin/python": "/usr/bin/python3"},
            folders={"/data": 10001},
            users={"somebody": 10001},
            user=10001,
            environment={"MODE": "fast"},
            workdir="/app",
            entrypoint=("python", "-m", "one"),
        )

    def test_packages_of_the_table_are_added(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, CONTAINERFILE, packages=["libgomp1"]).packages == (*PYTHON_PACKAGES, "libgomp1")

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("RUN apt-get install gcc", "not apt-get"),
            ("FROM alpine:3.20", "has Python 3.13"),
            ("FROM python:3.14.0", "has Python 3.13"),
            ("HEALTHCHECK NONE", "cannot be made without running it"),
            ("ENTRYPOINT python -m one", "Expecting value"),
        ],
    )
    def test_what_is_not_understood_is_an_error_with_its_line(self, tmp_path: Path, line: str, why: str) -> None:
        with pytest.raises(CatalogueError, match=rf"Containerfile, line 2: `{line.split(maxsplit=1)[0]}.*{why}"):
            self.read(tmp_path, f"# First.\n{line}\n")

    def test_a_missing_file_and_a_wrong_key_are_errors_with_their_place(self, tmp_path: Path) -> None:
        with pytest.raises(CatalogueError, match="Containerfile: cannot be read: No such file"):
            read_recipe("here", {"containerfile": "Containerfile"}, tmp_path)
        with pytest.raises(CatalogueError, match=r"here: pakages: Extra inputs.*known keys: containerfile, packages"):
            read_recipe("here", {"pakages": ["a"]}, tmp_path)


def made(store: Store, staging: Path, reference: str, *texts: str) -> Image:
    """An image with one layer for each text."""
    layers: list[Layer] = []
    for text in texts:
        contents = Contents()
        contents.add_file("/text", text.encode())
        layers.append(contents.write(staging / text))
        store.add_layer(f"key-{text}", staging / text, MadeLayer(layers[-1], {}, 1.0))
    configuration = config(Recipe(entrypoint=("/a",), environment={"MODE": "fast"}), layers)
    document = manifest(configuration, layers, [{} for _ in layers])
    size, unpacked = sum(layer.size for layer in layers), sum(layer.unpacked for layer in layers)
    image = Image(reference, "key", digest(document), tuple(f"key-{text}" for text in texts), size, unpacked, {})
    store.add_image(image, document, configuration, digest(configuration))
    return image


class TestStore:
    def test_an_image_is_found_by_its_name_as_long_as_all_its_content_is_here(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "store")
        image = made(store, tmp_path, REFERENCE, "below", "above")
        assert store.image(REFERENCE) == image
        assert store.images() == [image]
        assert store.image("registry.example/team/a:2") is None
        layer = store.layer("key-below")
        assert layer is not None
        store.blob(layer.layer.digest).write_bytes(b"cut short")
        assert store.image(REFERENCE) is None

    def test_its_layout_is_that_of_docker_s_registry(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "store")
        image = made(store, tmp_path, REFERENCE, "only")
        repository = tmp_path / "store" / "docker" / "registry" / "v2" / "repositories" / "team" / "a"
        assert (repository / "_manifests" / "tags" / "1" / "current" / "link").read_text() == image.digest
        document = json.loads(store.blob(image.digest).read_bytes())
        for described in (document["config"], *document["layers"]):
            assert (repository / "_layers" / described["digest"].replace(":", "/") / "link").read_text() == described["digest"]
            assert hashlib.sha256(store.blob(described["digest"]).read_bytes()).hexdigest() == described["digest"].partition(":")[2]

    def test_pruning_keeps_what_a_kept_image_shares(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "store")
        kept = made(store, tmp_path, REFERENCE, "shared", "own")
        made(store, tmp_path, "registry.example/team/b:1", "shared", "other")
        before = store.size()
        assert store.prune([REFERENCE]) == before - store.size() > 0
        assert store.images() == [kept]
        assert store.layer("key-other") is None
        assert not (
            tmp_path / "store" / "docker" / "registry" / "v2" / "repositories" / "team" / "b" / "_manifests" / "tags" / "1"
        ).exists()

    def test_an_archive_is_an_oci_layout_and_what_docker_loads(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "store")
        image = made(store, tmp_path, REFERENCE, "below", "above")
        archives = [io.BytesIO(), io.BytesIO()]
        for archive in archives:
            write_archive(image, store, archive)
        assert archives[0].getvalue() == archives[1].getvalue()
        archives[0].seek(0)
        with tarfile.open(fileobj=archives[0]) as files:

            def content(name: str) -> bytes:
                file = files.extractfile(name)
                assert file is not None
                return file.read()

            blobs = [entry.name for entry in files if entry.isfile() and entry.name.startswith("blobs/")]
            assert all(hashlib.sha256(content(name)).hexdigest() == Path(name).name for name in blobs)
            [described] = json.loads(content("index.json"))["manifests"]
            [docker] = json.loads(content("manifest.json"))
            assert described["annotations"] == {"io.containerd.image.name": REFERENCE}
            assert docker["RepoTags"] == [REFERENCE]
            assert docker["Layers"] == [
                f"blobs/{layer['digest'].replace(':', '/')}"
                for layer in json.loads(content("blobs/" + described["digest"].replace(":", "/")))["layers"]
            ]
            assert json.loads(content(docker["Config"]))["config"] == {
                "Entrypoint": ["/a"],
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "MODE=fast"],
                "User": "65532",
                "WorkingDir": "/",
            }


class TestWheels:
    """A layer of wheels is made again when a version in it is not today's, and for no other change of the constraints."""

    def order(self, root: Path, constraints: str) -> str:
        (root / "constraints.txt").write_text(constraints, encoding="utf-8")
        image = WantedImage(REFERENCE, Recipe(requirements=("one==1.0",)), root)
        resolver = Resolver(environ={"SANDTABLE_CACHE": str(root / "cache")})
        return next(order.key for order in orders_of(image, resolver) if order.document["kind"] == "wheels")

    def test_only_the_versions_that_are_in_it_count(self, tmp_path: Path) -> None:
        first = self.order(tmp_path, "one==1.0\ntwo==2.0\nother==3.0\n")
        (tmp_path / "layer").write_bytes(b"wheels")
        layer = Layer("sha256:" + "0" * 64, 6, "sha256:" + "1" * 64, 6)
        store(tmp_path / "cache").add_layer(first, tmp_path / "layer", MadeLayer(layer, {"One": "1.0", "two": "2.0"}, 1.0))
        assert self.order(tmp_path, "one==1.0\ntwo==2.0\nother==4.0\n") == first
        moved = self.order(tmp_path, "one==1.0\ntwo==2.1\nother==4.0\n")
        assert moved != first
        assert self.order(tmp_path, "one==1.0\ntwo==2.1\nother==5.0\n") == moved


def test_scripts_of_wheels_are_left_out_with_what_their_records_say(tmp_path: Path) -> None:
    """They begin with the path of the build's own Python, so a layer with them would never be the same twice."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text("#!/staging/1/python\n", encoding="utf-8")
    record = tmp_path / "tool-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("../../bin/tool,sha256=a,240\ntool/__init__.py,sha256=b,1\n", encoding="utf-8")
    drop_scripts(tmp_path)
    assert not (tmp_path / "bin").exists()
    assert record.read_text(encoding="utf-8") == "tool/__init__.py,sha256=b,1\n"
