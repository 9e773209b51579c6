"""How long the stack's images take from an empty store, and again when nothing has changed; the toolchain's programs are there already.

    nox -s benchmark -- images                      all that can be made and whose programs are there
    nox -s benchmark -- images redis gateway        these

Targets: with the programs' own builds all images take at most 25 minutes (`sandtable doctor` has their expected times); again, 5 seconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import toolchain
from stacks.rebuilt_images import rebuilt_images
from toolchain.images import WantedImage, ensure_images, store

AGAIN_S = 5.0


def main(names: list[str]) -> None:
    """Print the times beside their target."""
    here = toolchain.Resolver()
    chosen: list[WantedImage] = []
    for name, each in rebuilt_images().items():
        if each.wanted is None or (names and name not in names):
            continue
        if lacking := [tool for tool in each.wanted.recipe.tools.values() if here.search(tool).tool is None]:
            print(f"left out: {name}, without {', '.join(lacking)}")
            continue
        chosen.append(each.wanted)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tools").symlink_to(here.cache.root / "tools")
        empty = toolchain.Resolver(environ=dict(os.environ) | {"SANDTABLE_CACHE": folder})
        load = os.getloadavg()[0]
        begun = time.perf_counter()
        made = ensure_images(chosen, resolver=empty)
        first = time.perf_counter() - begun
        begun = time.perf_counter()
        ensure_images(chosen, resolver=empty)
        again = time.perf_counter() - begun
        stored = store(empty.cache.root).size()
    print(f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after; {len(made)} images, n = 1")
    print(f"from an empty store   {first:8.1f} s")
    print(f"again                 {again:8.1f} s   target {AGAIN_S:g}: {'kept' if again <= AGAIN_S else 'missed'}")
    print(f"stored                {stored / 1e6:8.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
