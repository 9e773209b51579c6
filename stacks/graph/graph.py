"""The resources of a stack in one normal form, independent of their source.

The twin, the policies, the cost and the report read only this, so they work on anybody's stack, state or manifests.

Rules of the normal form:
1. Values are plain JSON; numbers without a fraction are integers (Pulumi's protocol turns every number into a float).
2. Secrets are the text ``[secret]``, and so is the whole content of a Kubernetes Secret (``stringData`` counts as ``data``);
   values not known before the deployment are ``[unknown]``. Such a marker may replace any value, even a mapping or a list (``marks.py``);
   the properties here treat it as absent, and ``Graph.known`` is the graph without markers.
3. Keys without a value (None) are absent.
4. Keys that a Python program must spell ``x_kubernetes_…`` are spelled as the API does, ``x-kubernetes-…``.
5. Fields that only a server writes (``status``, ``metadata.uid``, ``managedFields`` …) are absent, except a Node's capacity.
6. Resources are ordered by URN.

The digest covers what is deployed, not how the program is structured: objects with their declared fields, without components, providers,
parents and dependencies. Equal stacks have equal digests from every source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Self, TypeVar

from stacks.graph.kinds import KINDS, Kind, group_of, standard
from stacks.graph.marks import PULUMI_UNKNOWN, SECRET, UNKNOWN, has_marks, without_marks

Value = TypeVar("Value")

# Pulumi's markers in serialised values (pulumi/sdk, resource/properties.go).
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105

_SERVER_METADATA: Final = frozenset({"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"})
_SERVER_ANNOTATIONS: Final = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision")


@dataclass(frozen=True)
class Resource:
    """One resource: ``urn`` is unique in its graph, ``type`` is Pulumi's (``kubernetes:apps/v1:Deployment``).

    ``custom``: a provider manages it; False for a component, which only groups others. ``template_path``: path of the selected pod template
    in a custom resource, None for all other resources (``recognition/custom_pods.py``).
    """

    urn: str
    type: str
    name: str
    parent: str | None = None
    depends_on: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    custom: bool = True
    template_path: tuple[str | int, ...] | None = None

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any], source: str) -> Self:
        """Return the object of a whole manifest; its URN names ``source`` as stack and project."""
        version, metadata = manifest["apiVersion"], manifest["metadata"]
        kind = f"kubernetes:{version if '/' in version else 'core/' + version}:{manifest['kind']}"
        name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
        return cls(f"urn:pulumi:{source}::{source}::{kind}::{name}", kind, name, inputs=manifest)

    @property
    def is_object(self) -> bool:
        """Whether this is a Kubernetes object (its inputs are a manifest)."""
        return bool(self.inputs.get("kind")) and bool(self.inputs.get("apiVersion"))

    @property
    def kind(self) -> str:
        """``Deployment``; empty for anything but a Kubernetes object."""
        return str(self.inputs.get("kind", "")) if self.is_object else ""

    @property
    def standard(self) -> Kind | None:
        """The built-in kind; None for a custom resource and for anything but a Kubernetes object."""
        return standard(str(self.inputs["apiVersion"]), self.kind) if self.is_object else None

    def is_a(self, *kinds: str) -> bool:
        """Whether it is of one of these kinds. The name of a built-in kind means that kind, in its own API group."""
        return self.kind in kinds and (self.kind not in KINDS or self.standard is not None)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The manifest's metadata."""
        return _mapping(self.inputs.get("metadata"))

    @property
    def object_name(self) -> str:
        """``metadata.name``; the resource's own name if there is none."""
        return str(self.metadata.get("name") or self.name)

    @property
    def namespace(self) -> str | None:
        """``metadata.namespace``."""
        return self.metadata.get("namespace")

    @property
    def labels(self) -> Mapping[str, str]:
        """``metadata.labels``."""
        return _mapping(self.metadata.get("labels"))

    @property
    def annotations(self) -> Mapping[str, str]:
        """``metadata.annotations``."""
        return _mapping(self.metadata.get("annotations"))

    @property
    def spec(self) -> Mapping[str, Any]:
        """The manifest's ``spec``."""
        return _mapping(self.inputs.get("spec"))

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """apiVersion, kind, namespace and name; type and name for anything but a Kubernetes object."""
        if not self.is_object:
            return (self.type, "", "", self.name)
        return (str(self.inputs["apiVersion"]), self.kind, self.namespace or "", self.object_name)

    @property
    def object_key(self) -> tuple[str, str, str, str]:
        """The API server's key for it: group, kind, namespace and name.

        The version does not count, and no namespace means ``default``. Type and name for anything but a Kubernetes object.
        """
        if not self.is_object:
            return self.identity
        known = self.standard
        group = known.group if known else group_of(str(self.inputs["apiVersion"]))
        namespace = "" if known and not known.namespaced else self.namespace or "default"
        return (group, self.kind, namespace, self.object_name)

    @property
    def label(self) -> str:
        """Its readable name: ``Deployment ai/ai-stack``."""
        if not self.is_object:
            return f"{self.type} {self.name}"
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.object_name}"

    @property
    def pod_template(self) -> Mapping[str, Any] | None:
        """The pod template (or the pod itself) with ``metadata`` and ``spec``; None for kinds without pods, including PodTemplate."""
        value: Any = self.inputs
        if self.template_path is not None:
            for part in self.template_path:
                value = value[part]
            return value if "containers" not in value else {"spec": value}
        known = self.standard
        if known is None or known.pods is None or self.kind == "PodTemplate":
            return None
        for key in known.pods:
            value = _mapping(value).get(key)
        return _mapping(value)

    @property
    def pod_spec(self) -> Mapping[str, Any]:
        """The spec of its pods; empty for kinds without pods."""
        return _mapping((self.pod_template or {}).get("spec"))

    @property
    def pod_labels(self) -> Mapping[str, str]:
        """The labels of its pods; empty for kinds without pods."""
        return _mapping(_mapping((self.pod_template or {}).get("metadata")).get("labels"))

    def containers(self) -> Iterator[Mapping[str, Any]]:
        """The containers of its pods, without init containers."""
        containers = self.pod_spec.get("containers")
        yield from (one for one in (containers if isinstance(containers, list) else ()) if isinstance(one, Mapping))

    @property
    def declared(self) -> Mapping[str, Any]:
        """The inputs without the fields that a server reports."""
        return {key: value for key, value in self.inputs.items() if key != "status"} if self.is_object else self.inputs

    @property
    def counts(self) -> bool:
        """Whether the digest covers it: a real resource, neither a component nor a provider nor the stack itself."""
        # Our own components are recognised by their type, too, because the graph of a saved report lacks `custom`.
        return self.is_object or (self.custom and not self.type.startswith(("pulumi:", "sandtable:")))


@dataclass(frozen=True)
class Graph:
    """Resources of one stack, ordered by URN. ``source`` is a short description of where they were read.

    ``unseen``: sentences about parts of the stack that are not among the resources; every report or verdict on the graph repeats them.
    """

    resources: tuple[Resource, ...]
    source: str = ""
    unseen: tuple[str, ...] = ()

    @classmethod
    def of(cls, resources: Iterable[Resource], source: str, unseen: Iterable[str] = ()) -> Graph:
        """Build a graph in normal form."""
        return cls(tuple(sorted(map(_normal, resources), key=lambda r: r.urn)), source, tuple(unseen))

    def changed(self, resources: Iterable[Resource]) -> Graph:
        """Return a graph of ``resources`` from the same source; those that are in this graph are in normal form already."""
        known = set(map(id, self.resources))
        normal = (resource if id(resource) in known else _normal(resource) for resource in resources)
        return Graph(tuple(sorted(normal, key=lambda r: r.urn)), self.source)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources)

    def __len__(self) -> int:
        return len(self.resources)

    def objects(self, *kinds: str) -> Iterator[Resource]:
        """Kubernetes objects, of the given kinds if any (see :meth:`Resource.is_a`)."""
        return (r for r in self.resources if (r.is_a(*kinds) if kinds else r.is_object))

    def find(self, kind: str, name: str, namespace: str | None = None) -> Resource | None:
        """Return the object with this kind, name and (if given) namespace."""
        return next((r for r in self.objects(kind) if r.object_name == name and namespace in (None, r.namespace)), None)

    def with_label(self, key: str, value: str, *kinds: str) -> Iterator[Resource]:
        """Objects that carry a label themselves or on their pods."""
        return (r for r in self.objects(*kinds) if value in (r.labels.get(key), r.pod_labels.get(key)))

    def once(self, read: Callable[[Graph], Value]) -> Value:
        """Return ``read(self)``, which must be immutable; it is read the first time only, because a graph does not change."""
        if read not in self._readings:
            self._readings[read] = read(self)
        found: Value = self._readings[read]
        return found

    @cached_property
    def _readings(self) -> dict[Callable[[Graph], Any], Any]:
        return {}

    def __reduce__(self) -> tuple[type[Graph], tuple[tuple[Resource, ...], str, tuple[str, ...]]]:
        """Send a graph elsewhere without what was read from it."""
        return Graph, (self.resources, self.source, self.unseen)

    @cached_property
    def known(self) -> Graph:
        """The graph without markers, for code that computes with values: unknown values are absent."""
        if not any(has_marks(r.inputs) for r in self.resources):
            return self
        return replace(self, resources=tuple(replace(r, inputs=without_marks(r.inputs)) for r in self.resources))

    @cached_property
    def digest(self) -> str:
        """``sha256:…`` of what is deployed, see the module's docstring."""
        lines = sorted(json.dumps([r.identity, r.declared], sort_keys=True, separators=(",", ":")) for r in self.resources if r.counts)
        return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _normal(resource: Resource) -> Resource:
    return replace(resource, depends_on=tuple(sorted(set(resource.depends_on))), inputs=normalise_inputs(resource.inputs))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def normalise_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``inputs`` in the normal form described above."""
    normal = _normalise(inputs)
    if not isinstance(normal, dict):
        return {}
    if normal.get("kind") and normal.get("apiVersion"):
        known, status = standard(str(normal["apiVersion"]), str(normal["kind"])), normal.pop("status", None)
        if known is KINDS["Node"] and isinstance(status, Mapping):
            offers = {key: status[key] for key in ("allocatable", "capacity") if status.get(key)}
            normal |= {"status": offers} if offers else {}
        normal["metadata"] = _own_metadata(normal.get("metadata") or {})
        if known is KINDS["Secret"] and (normal.pop("stringData", None) or normal.get("data")):
            normal["data"] = SECRET
    return {k: v for k, v in normal.items() if not k.startswith("__")}


def _own_metadata(metadata: Any) -> Any:
    """Metadata without server-written fields; unchanged if it is not a mapping, which the check of shapes reports."""
    if not isinstance(metadata, Mapping):
        return metadata
    own = {key: value for key, value in metadata.items() if key not in _SERVER_METADATA}
    if isinstance(annotations := own.get("annotations"), Mapping):
        kept = {k: v for k, v in annotations.items() if k not in _SERVER_ANNOTATIONS and not k.startswith("pulumi.com/autonamed")}
        own = {key: value for key, value in own.items() if key != "annotations"} | ({"annotations": kept} if kept else {})
    return own


def _normalise(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            return SECRET
        return {_key(str(k)): _normalise(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_normalise(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value in PULUMI_UNKNOWN:
        return UNKNOWN
    return value


def _key(name: str) -> str:
    return name.replace("_", "-") if name.startswith("x_kubernetes_") else name


@dataclass(frozen=True)
class Difference:
    """The changes from one graph to another; labels such as ``Deployment ai/ai-stack``, paths such as ``spec.replicas``.

    An intended difference has its reason in brackets after the path.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[str, ...]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(before: Graph, after: Graph) -> Difference:
    """Return what ``after`` adds, removes and changes."""
    old = {r.identity: r for r in before if r.counts}
    new = {r.identity: r for r in after if r.counts}
    scaled = _autoscaled(before) | _autoscaled(after)
    changed = {
        new[key].label: tuple(
            # Pulumi ignores the number once an autoscaler owns it, so the state keeps an older one.
            f"{path} (left to the autoscaler)" if path == "spec.replicas" and key[1:] in scaled else path
            for path in _changed_paths(old[key].declared, new[key].declared)
        )
        for key in old.keys() & new.keys()
    }
    return Difference(
        added=tuple(sorted(new[key].label for key in new.keys() - old.keys())),
        removed=tuple(sorted(old[key].label for key in old.keys() - new.keys())),
        changed={label: paths for label, paths in sorted(changed.items()) if paths},
    )


def _autoscaled(graph: Graph) -> set[tuple[str, str, str]]:
    """Kind, namespace and name of every autoscaler's target."""
    scalers = ((r.namespace or "", r.spec.get("scaleTargetRef") or {}) for r in graph.known.objects("HorizontalPodAutoscaler"))
    return {(str(target.get("kind")), namespace, str(target.get("name"))) for namespace, target in scalers}


def _changed_paths(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from _changed_paths(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changed_paths(old, new, f"{path}[{index}]")
    elif before != after and not (path.endswith((".image", ".package")) and same_image(str(before), str(after))):
        yield path


def same_image(one: str, other: str) -> bool:
    """Whether two references differ only in that one of them has the digest of its build."""
    return "@" not in min(one, other, key=len) and one.partition("@")[0] == other.partition("@")[0]
