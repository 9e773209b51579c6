"""Images made by real child processes in caches of their own: of files and texts, which need nothing of the network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from toolchain import BuildProgress, CacheError, InstallFailedError, Resolver
from toolchain.images import Image, Recipe, WantedImage, ensure_images, find, plan_images, store

REFERENCE = "registry.example/team/a:1"


def wanted(root: Path, text: str = "#!/bin/sh\n") -> WantedImage:
    (root / "program").write_text(text, encoding="utf-8")
    return WantedImage(
        REFERENCE, Recipe(files={"/bin/program": "program"}, texts={"/etc/a": "b\n"}, users={"a": 7}, entrypoint=("program",)), root
    )


def machine(cache: Path) -> Resolver:
    return Resolver(environ=dict(os.environ) | {"SANDTABLE_CACHE": str(cache)})


def made(cache: Path, image: WantedImage) -> Image:
    [found] = ensure_images([image], resolver=machine(cache)).values()
    return found


def test_the_same_input_has_the_same_digest_in_every_cache(tmp_path: Path) -> None:
    image = wanted(tmp_path)
    assert made(tmp_path / "one", image) == made(tmp_path / "two", image)


def test_nothing_is_made_twice_and_a_change_is_noticed(tmp_path: Path) -> None:
    image, cache = wanted(tmp_path), tmp_path / "cache"
    assert [step.tools for step in plan_images([image], machine(cache)).steps] == [("files of a",)]
    first = made(cache, image)
    assert plan_images([image], machine(cache)).steps == ()
    events: list[BuildProgress] = []
    assert ensure_images([image], resolver=machine(cache), on_progress=events.append) == {REFERENCE: first}
    assert events == []
    changed = wanted(tmp_path, "#!/bin/sh\nexit 1\n")
    assert find(changed, machine(cache)) is None
    assert made(cache, changed).digest != first.digest


def test_an_interrupt_leaves_nothing_half_and_the_next_build_makes_it(tmp_path: Path) -> None:
    image, cache = wanted(tmp_path), tmp_path / "cache"

    def interrupt(event: BuildProgress) -> None:
        if event.state == "running":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_images([image], resolver=machine(cache), on_progress=interrupt)
    assert store(cache).images() == []
    assert [path for path in (cache / "staging").rglob("*") if path.is_file()] == []
    assert made(cache, image) == find(image, machine(cache))


def test_damaged_content_is_made_again(tmp_path: Path) -> None:
    image, cache = wanted(tmp_path), tmp_path / "cache"
    first = made(cache, image)
    layer = store(cache).layer(first.layers[0])
    assert layer is not None
    store(cache).blob(layer.layer.digest).write_bytes(b"cut")
    assert find(image, machine(cache)) is None
    assert made(cache, image) == first


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], check=False).returncode:
        pytest.skip("a small file system needs root")
    yield place
    with suppress(OSError):
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_told_with_its_remedy_and_leaves_no_image(tmp_path: Path, small_disk: Path) -> None:
    image = wanted(tmp_path)
    (tmp_path / "program").write_bytes(os.urandom(1 << 20))
    with pytest.raises((CacheError, InstallFailedError), match="the disk is full"):
        made(small_disk, image)
    assert store(small_disk).images() == []
    assert list((small_disk / "staging").rglob("*.gz")) == []
