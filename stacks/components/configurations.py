"""A changed configuration reaches the programs: most read their files once, so their pods are rolled out with it.

The pod template has the digest of the ConfigMaps that it mounts. A Job is left alone, as its template cannot change: whether other input
means another run is the Job's own business (``security/vault/setup``).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from stacks.components.pods import declared_template
from stacks.graph import labels

if TYPE_CHECKING:
    import pulumi

#: Annotation on the pods: digest of their ConfigMaps.
DIGEST: Final = labels.PREFIX + "configuration"
_CONFIG_MAP: Final = "kubernetes:core/v1:ConfigMap"
_JOB: Final = "kubernetes:batch/v1:Job"


class Configurations:
    """Those that have been declared so far: ConfigMaps come before the workloads that mount them."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}

    def roll_out(self, args: pulumi.ResourceTransformationArgs) -> None:
        """Take note of a ConfigMap, or annotate the pod template of a workload; a transformation of Pulumi's."""
        if args.type_ == _CONFIG_MAP:
            if not args.opts.ignore_changes:  # others write what is in it
                self._digests[args.name] = _digest(args.props["data"])
            return
        template = declared_template(args)
        if template is None or args.type_ == _JOB:
            return
        namespace = args.name.partition("/")[0]
        mounted = [f"{namespace}/{name}" for volume in template.spec.volumes or () for name in _config_maps(volume)]
        if digests := [self._digests[name] for name in mounted if name in self._digests]:
            template.metadata.annotations = {**(template.metadata.annotations or {}), DIGEST: _digest(digests)}


def _config_maps(volume: Any) -> list[str]:
    """Return the names of the ConfigMaps in a volume, which may be projected from several."""
    sources = [volume, *(volume.projected.sources or () if volume.projected else ())]
    return [source.config_map.name for source in sources if source.config_map]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
