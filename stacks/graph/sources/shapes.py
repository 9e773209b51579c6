"""The shapes of the fields that we read from Kubernetes objects, checked once, when a graph is read.

Rule 1: every reader of a graph (capacity, demand, cost, policies, the twin) relies on this check and has none of its own. Code that reads
another field must add its shape here; fields that no code reads are not checked.
Rule 2: every wrong field of an object is reported, with its path, its value and what is expected.
Rule 3: the syntax of quantities is not checked here, but by ``stacks.graph.quantities.quantity``.

Rule 4: a marker (``stacks.graph.marks``) fits everywhere: in another program's plan or state any value may be secret or unknown.

Fields as in the Kubernetes API reference, v1.36. An absent field, or one without a value, is valid unless it is ``needed``.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from stacks.errors import ConfigurationError
from stacks.graph import SECRET, UNKNOWN, normalise_inputs
from stacks.graph.kinds import TEMPLATES, standard

#: Yields the problems of a value; the second argument is its path.
Shape = Callable[[Any, str], Iterator[str]]

_COUNT_OR_SHARE: Final = re.compile(r"[0-9]{1,10}%?")
_MOST: Final = 2**31 - 1  # the API's int32
_ABSENT: Final = (None, SECRET, UNKNOWN)


def _leaf(words: str, fits: Callable[[Any], bool]) -> Shape:
    def check(value: Any, path: str) -> Iterator[str]:
        if value not in _ABSENT and not fits(value):
            yield f"`{path}` is {reprlib.repr(value)}{words}"

    return check


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST


TEXT: Final = _leaf(", which is not a string; put it in quotes", lambda value: isinstance(value, str))
FLAG: Final = _leaf("; true or false is expected", lambda value: isinstance(value, bool))
WHOLE: Final = _leaf("; a whole number is expected", _is_whole)
COUNT: Final = _leaf("; a whole number of 0 or more is expected", lambda value: _is_whole(value) and value >= 0)
_QUANTITY: Final = _leaf(
    "; a quantity is expected, such as 500m or 8Gi", lambda value: isinstance(value, str | int | float) and not isinstance(value, bool)
)
_SHARE: Final = _leaf(
    "; a whole number or a percentage is expected, such as 1 or 25%",
    lambda value: _COUNT_OR_SHARE.fullmatch(value) is not None if isinstance(value, str) else _is_whole(value) and value >= 0,
)


def fields(shapes: Mapping[str, Shape]) -> Shape:
    """Return the shape of a mapping with these keys; other keys are not checked."""

    def check(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, Mapping):
            for key, shape in shapes.items():
                yield from shape(value.get(key), f"{path}.{key}" if path else key)
        elif value not in _ABSENT:
            yield f"`{path}` is {reprlib.repr(value)}; a mapping is expected"

    return check


def values(shape: Shape) -> Shape:
    """Return the shape of a mapping whose values all have one shape."""

    def check(value: Any, path: str) -> Iterator[str]:
        yield from fields(dict.fromkeys(value if isinstance(value, Mapping) else (), shape))(value, path)

    return check


def each(shape: Shape) -> Shape:
    """Return the shape of a list whose items all have one shape; an item must have a value."""

    def check(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, list):
            for index, item in enumerate(value):
                if item is None:
                    yield f"`{path}[{index}]` has no value"
                yield from shape(item, f"{path}[{index}]")
        elif value not in _ABSENT:
            yield f"`{path}` is {reprlib.repr(value)}; a list is expected"

    return check


def needed(shape: Shape) -> Shape:
    """Return the shape of a field that must have a value."""

    def check(value: Any, path: str) -> Iterator[str]:
        if value is None:
            yield f"`{path}` is missing"
        yield from shape(value, path)

    return check


_ANY: Final = fields({})
_TEXTS: Final = values(TEXT)
_LABELS: Final = fields({"labels": _TEXTS, "annotations": _TEXTS})
_EXPRESSIONS: Final = each(fields({"key": needed(TEXT), "operator": needed(TEXT), "values": each(TEXT)}))
_SELECTOR: Final = fields({"matchLabels": _TEXTS, "matchExpressions": _EXPRESSIONS})
_TAINTS: Final = each(fields({"key": TEXT, "operator": TEXT, "value": TEXT, "effect": TEXT, "tolerationSeconds": WHOLE}))
_REQUESTS: Final = fields({"requests": values(_QUANTITY), "limits": values(_QUANTITY)})
_WORDS: Final = each(TEXT)
_VARIABLE: Final = fields({"name": needed(TEXT), "value": TEXT, "valueFrom": fields({"configMapKeyRef": _ANY})})
_WINDOWS: Final = fields({"runAsUserName": TEXT, "hostProcess": FLAG})
_USER: Final = {"runAsNonRoot": FLAG, "runAsUser": WHOLE, "windowsOptions": _WINDOWS}
_CONFINED: Final = fields(
    {
        **_USER,
        **dict.fromkeys(("privileged", "allowPrivilegeEscalation", "readOnlyRootFilesystem"), FLAG),
        "capabilities": fields({"add": _WORDS, "drop": _WORDS}),
    }
)
_CONTAINERS: Final = each(
    fields(
        {
            **dict.fromkeys(("image", "restartPolicy"), TEXT),
            **dict.fromkeys(("command", "args"), _WORDS),
            "name": needed(TEXT),
            "env": each(_VARIABLE),
            "ports": each(_ANY),
            "resources": _REQUESTS,
            "securityContext": _CONFINED,
        }
    )
)
_NODE_AFFINITY: Final = fields(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": fields(
            {"nodeSelectorTerms": each(fields(dict.fromkeys(("matchExpressions", "matchFields"), _EXPRESSIONS)))}
        )
    }
)
_APART: Final = {
    **dict.fromkeys(("labelSelector", "namespaceSelector"), _SELECTOR),
    **dict.fromkeys(("namespaces", "matchLabelKeys", "mismatchLabelKeys"), each(TEXT)),
    "topologyKey": TEXT,
}
_SPREAD: Final = fields(
    {
        **_APART,
        **dict.fromkeys(("maxSkew", "minDomains"), COUNT),
        **dict.fromkeys(("whenUnsatisfiable", "nodeAffinityPolicy", "nodeTaintsPolicy"), TEXT),
    }
)
_POD_AFFINITY: Final = fields({"requiredDuringSchedulingIgnoredDuringExecution": each(fields(_APART))})
_VOLUME: Final = fields({"hostPath": fields({"path": needed(TEXT)}), "image": fields({"reference": TEXT})})
_POD: Final = fields(
    {
        **dict.fromkeys(("containers", "initContainers", "ephemeralContainers"), _CONTAINERS),
        **dict.fromkeys(("automountServiceAccountToken", "hostNetwork", "hostPID", "hostIPC"), FLAG),
        "affinity": fields({"nodeAffinity": _NODE_AFFINITY, **dict.fromkeys(("podAffinity", "podAntiAffinity"), _POD_AFFINITY)}),
        **dict.fromkeys(("nodeName", "serviceAccountName", "serviceAccount"), TEXT),
        "os": fields({"name": TEXT}),
        "nodeSelector": _TEXTS,
        "overhead": values(_QUANTITY),
        "priorityClassName": TEXT,
        "resourceClaims": each(_ANY),
        "resources": _REQUESTS,
        "securityContext": fields(_USER),
        "tolerations": _TAINTS,
        "topologySpreadConstraints": each(_SPREAD),
        "volumes": each(_VOLUME),
    }
)
_GRANTS: Final = {"rules": each(fields({"verbs": needed(_WORDS), "resources": _WORDS, "apiGroups": _WORDS}))}
_CLAIM: Final = fields({"resources": _REQUESTS})
_PEER: Final = fields(
    {
        **dict.fromkeys(("podSelector", "namespaceSelector"), _SELECTOR),
        "ipBlock": fields({"cidr": needed(TEXT), "except": each(TEXT)}),
    }
)
_ALLOWS: Final = fields({**dict.fromkeys(("from", "to"), each(_PEER)), "ports": each(_ANY)})

#: Top-level fields of an object, beside its metadata, by kind.
_BY_KIND: Final[dict[str, dict[str, Shape]]] = {
    "Pod": {"spec": _POD},
    "Role": _GRANTS,
    "ClusterRole": _GRANTS,
    "Node": {
        "spec": fields({"taints": _TAINTS, "unschedulable": FLAG}),
        "status": fields(dict.fromkeys(("allocatable", "capacity"), values(_QUANTITY))),
    },
    "ConfigMap": dict.fromkeys(("data", "binaryData"), _TEXTS),
    "ServiceAccount": {"automountServiceAccountToken": FLAG},
    "PersistentVolumeClaim": {"spec": _CLAIM},
    "PriorityClass": {"value": WHOLE, "globalDefault": FLAG, "preemptionPolicy": TEXT},
    "HorizontalPodAutoscaler": {
        "spec": fields({"scaleTargetRef": fields({"kind": TEXT, "name": TEXT}), "minReplicas": COUNT, "maxReplicas": COUNT})
    },
    "PodDisruptionBudget": {"spec": fields({"selector": _SELECTOR, "minAvailable": _SHARE, "maxUnavailable": _SHARE})},
    "NetworkPolicy": {
        "spec": fields({"podSelector": _SELECTOR, "policyTypes": each(TEXT), "ingress": each(_ALLOWS), "egress": each(_ALLOWS)})
    },
    "MutatingWebhookConfiguration": {"webhooks": each(_ANY)},
    "ValidatingWebhookConfiguration": {"webhooks": each(_ANY)},
}


_POD_SPECS: Final = {"Pod": ("spec",), **{kind: (*path, "spec") for kind, path in TEMPLATES.items()}}


def _controller(kind: str) -> dict[str, Shape]:
    """The shape of an object with a pod template at its path in ``TEMPLATES``."""
    shape = fields({"metadata": _LABELS, "spec": _POD})
    *above, last = TEMPLATES[kind]
    beside = {
        **dict.fromkeys(("replicas", "parallelism", "completions"), COUNT),
        "suspend": FLAG,
        "volumeClaimTemplates": each(fields({"spec": _CLAIM})),
    }
    for key in reversed(above):
        shape = fields({last: shape, **beside})
        beside, last = {}, key
    return {last: shape}


_SHAPES: Final = {**_BY_KIND, **{kind: _controller(kind) for kind in TEMPLATES}}
_OWNERS: Final = each(fields(dict.fromkeys(("apiVersion", "kind", "name"), TEXT)))
_METADATA: Final = fields({"name": TEXT, "namespace": TEXT, "labels": _TEXTS, "annotations": _TEXTS, "ownerReferences": _OWNERS})


def fits_pod_template(template: Any) -> bool:
    """Whether a mapping found in a custom resource has the shape of a pod template."""
    return not any(fields({"metadata": _LABELS, "spec": _POD})(template, ""))


def checked(inputs: Any, place: str, *, whole: bool = True) -> dict[str, Any]:
    """Return the inputs of a resource in normal form; ``place`` says where they were read.

    ``whole`` False: a patch, which contains only its changes, or a resource that is not judged.

    Raises:
        ConfigurationError: they are not a mapping, do not have the shape of their Kubernetes kind, or contain a number that JSON cannot
            represent.
    """
    if not isinstance(inputs, Mapping):
        raise ConfigurationError(f"{place}: {reprlib.repr(inputs)} where a mapping is expected")
    normal = normalise_inputs(inputs)
    is_object = bool(normal.get("kind") and normal.get("apiVersion"))
    problems = list(_of_kind(normal)(normal, "")) if is_object else []
    if not problems and is_object and whole:
        problems = list(_missing_pod(normal))
    if not problems and not _finite(normal):
        problems = ["a number in it is infinite, or none (.nan)"]
    if problems:
        named = f"{_label(normal)}: " if is_object else ""
        raise ConfigurationError("\n".join(f"{place}: {named}{problem}" for problem in problems))
    return normal


def _of_kind(inputs: Mapping[str, Any]) -> Shape:
    """The shape of an object; for a custom resource, even one named like a built-in kind, only the fields that all objects share."""
    shapes = _SHAPES.get(str(inputs["kind"])) if standard(str(inputs["apiVersion"]), str(inputs["kind"])) else None
    return fields({"apiVersion": TEXT, "kind": TEXT, "metadata": _METADATA, **(shapes or {"spec": _ANY})})


def _missing_pod(normal: Mapping[str, Any]) -> Iterator[str]:
    """Yield the missing fields on the path to the pod spec, which every rule about pods reads; the API server requires them, too."""
    path = _POD_SPECS.get(normal["kind"], ())
    # Custom kinds may have the same name: Volcano's Job has tasks instead.
    here: Any = normal if standard(normal["apiVersion"], normal["kind"]) else None
    for depth, key in enumerate(path, 1):
        if isinstance(here, Mapping) and (here := here.get(key)) is None:
            yield f"`{'.'.join(path[:depth])}` is missing: it describes the pods"


def _finite(inputs: Mapping[str, Any]) -> bool:
    try:
        json.dumps(inputs, allow_nan=False)
    except ValueError:
        return False
    return True


def _label(inputs: Mapping[str, Any]) -> str:
    """``Deployment ai/engine``, as far as it is readable."""
    metadata = inputs.get("metadata")
    named = [metadata.get(key) for key in ("namespace", "name")] if isinstance(metadata, Mapping) else []
    return f"{inputs['kind']} {'/'.join(str(part) for part in named if part)}".rstrip()
