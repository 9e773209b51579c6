"""The pods in custom resources: LeaderWorkerSet, InferenceService, RayCluster, Volcano's Job and all others.

Rule 1: a pod template is recognised by its shape, wherever it is: a mapping with ``containers``, each with a name and an image. A list of
kinds would never be complete.
Rule 2: if an operator fills in the rest (containers without an image, a container outside a template), the pods are unknown; that is
reported, never skipped.
Rule 3: patterns and patches of policy engines look like pods but are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from stacks.graph.kinds import group_of

if TYPE_CHECKING:
    from stacks.graph.graph import Resource

Path = tuple[str | int, ...]

#: API groups with objects that contain patterns of other objects.
_POLICY_ENGINES: Final = ("kyverno.io", "gatekeeper.sh", "kubewarden.io", "policy.open-cluster-management.io")
#: Keys beside or above a template with the number of its pods.
_COUNTS: Final = ("replicas", "parallelism", "minReplicas")


@dataclass(frozen=True, slots=True)
class CustomPods:
    """One pod template of a custom resource: its path, and the number of its pods, 1 if the resource does not say."""

    path: Path
    replicas: int

    @property
    def where(self) -> str:
        """``spec.workerGroupSpecs[0].template``."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return text.lstrip(".")


def custom_pods(resource: Resource) -> list[CustomPods]:
    """Return the pod templates in a custom resource, in document order; none for built-in kinds."""
    return [found for found in _found(resource) if isinstance(found, CustomPods)]


def unknown_pods(resource: Resource) -> list[str]:
    """Return the paths at which a custom resource describes containers of unknown pods."""
    return [CustomPods(found, 1).where for found in _found(resource) if not isinstance(found, CustomPods)]


def with_template(resource: Resource, pods: CustomPods) -> Resource:
    """Return the resource with this template as the source of its pods."""
    return replace(resource, template_path=pods.path)


def _found(resource: Resource) -> Iterator[CustomPods | Path]:
    if not resource.is_object or resource.standard is not None:
        return
    group = group_of(str(resource.inputs["apiVersion"]))
    if any(group == engine or group.endswith("." + engine) for engine in _POLICY_ENGINES):
        return
    yield from _walk({key: value for key, value in resource.inputs.items() if key not in {"metadata", "status"}}, (), 1)


def _walk(value: Any, path: Path, count: int) -> Iterator[CustomPods | Path]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index), count)
    if not isinstance(value, Mapping):
        return
    count *= next((value[key] for key in _COUNTS if isinstance(value.get(key), int) and not isinstance(value[key], bool)), 1)
    for key, item in value.items():
        if key == "spec" and path and _is_pod_spec(item):
            yield from _template(value, path, count)
        elif _is_pod_spec(item):
            yield from _template({"spec": item}, (*path, key), count)
        elif key not in {"containers", "initContainers"} and _is_container(item):
            yield (*path, key)
        else:
            yield from _walk(item, (*path, key), _pods_of(value, key, count))


def _pods_of(value: Mapping[str, Any], key: str, count: int) -> int:
    """The number of pods of the value under ``key``: a group of leader and workers has ``size`` pods, including the leader."""
    size = value.get("size")
    if key != "workerTemplate" or not isinstance(size, int):
        return count
    return count * max(size - ("leaderTemplate" in value), 0)


def _template(template: Mapping[str, Any], path: Path, count: int) -> Iterator[CustomPods | Path]:
    from stacks.graph.sources.shapes import fits_pod_template  # imported here, because that module imports the graph

    whole = all(isinstance(c.get("image"), str) for c in template["spec"]["containers"])
    yield CustomPods(path, count) if whole and fits_pod_template(template) else path


def _is_pod_spec(value: Any) -> bool:
    containers = value.get("containers") if isinstance(value, Mapping) else None
    return bool(containers) and isinstance(containers, list) and all(isinstance(c, Mapping) and "name" in c for c in containers)


def _is_container(value: Any) -> bool:
    """Whether a mapping, or each in a list, has an image and another key that only containers have."""
    if isinstance(value, list):
        return bool(value) and all(_is_container(item) for item in value)
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("image"), str)
        and not _is_pod_spec(value)
        and not {"command", "args", "env", "envFrom", "resources", "ports", "securityContext", "volumeMounts", "script"}.isdisjoint(value)
    )
