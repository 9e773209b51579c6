"""Makes container images without a registry and without a daemon, and keeps them where a registry can serve them.

An image is a :class:`Recipe`: Debian packages, wheels, tools of the catalogue and files of the project, each a layer. The same input gives
the same bytes, so the same digest. ``ensure_images`` makes what is missing; ``write_archive`` writes an image for `docker load`.
"""

from toolchain.images.builder import ensure_images, find, locked, plan_images
from toolchain.images.documents import write_archive
from toolchain.images.recipe import SUITE, Recipe, WantedImage, read_recipe
from toolchain.images.store import Image, Store, store

__all__ = [
    "SUITE",
    "Image",
    "Recipe",
    "Store",
    "WantedImage",
    "ensure_images",
    "find",
    "locked",
    "plan_images",
    "read_recipe",
    "store",
    "write_archive",
]
