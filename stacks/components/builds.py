"""Images that are made where the pods run: an image that is made anew keeps its tag, and a node that has the tag keeps the old one.

With the digest beside the tag, every build has a name of its own, and its pods are rolled out as after any other change; Crossplane does
the same with those of its functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stacks.components.pods import declared_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pulumi

_FUNCTION: Final = "kubernetes:pkg.crossplane.io/v1:Function"


def named_by_digest(digests: Mapping[str, str]) -> Callable[[pulumi.ResourceTransformationArgs], None]:
    """Return the transformation that adds their digests to the images of every pod template, and of Crossplane's functions.

    Args:
        digests: ``sha256:…`` of the images that are made here, by reference; all others keep their names.
    """

    def built(reference: str) -> str:
        return f"{reference}@{digests[reference]}" if reference in digests else reference

    def name(args: pulumi.ResourceTransformationArgs) -> None:
        if args.type_ == _FUNCTION:
            spec: Any = args.props["spec"]
            spec["package"] = built(spec["package"])
        if (template := declared_template(args)) is None:
            return
        for container in [*template.spec.containers, *(template.spec.init_containers or ())]:
            container.image = built(container.image)

    return name
