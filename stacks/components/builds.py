"""Images that are made where the pods run: an image that is made anew keeps its tag, and a node that has the tag keeps the old one.

With the digest beside the tag, every build has a name of its own, and its pods are rolled out as after any other change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacks.components.pods import declared_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pulumi


def named_by_digest(digests: Mapping[str, str]) -> Callable[[pulumi.ResourceTransformationArgs], None]:
    """Return the transformation that adds their digests to the images of every pod template.

    Args:
        digests: ``sha256:…`` of the images that are made here, by reference; all others keep their names.
    """

    def name(args: pulumi.ResourceTransformationArgs) -> None:
        if (template := declared_template(args)) is None:
            return
        for container in [*template.spec.containers, *(template.spec.init_containers or ())]:
            if digest := digests.get(container.image):
                container.image = f"{container.image}@{digest}"

    return name
