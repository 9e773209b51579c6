"""Admission: violating and conforming objects before each judge, and the judges agree.

Three judges: the API server's policies (CEL), the CrossGuard pack that Pulumi asks before a deployment, and Pod Security. The first two
hold the same rules, so they must agree on every example of every rule. Pod Security has controls of its own: for each there is a pod that
breaks it alone; where a rule of ours covers the control, that rule must refuse the pod, too.

All objects are sent as dry runs: they pass admission, and nothing is stored.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, NotRunError, require
from stacks.clusters.api import listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandtable.jobs.verify.ground import Ground
    from stacks.admission.rules import ObjectRule
    from stacks.clusters.api import Answer

_POLICY: Final = re.compile(r"ValidatingAdmissionPolicy 'sandtable-([a-z0-9-]+)'")
_PROFILE: Final = "pod-security.kubernetes.io/enforce"
_POD_SECURITY: Final = 'violates PodSecurity "'
#: Objects that no API server takes, whatever its policies: they are passed over.
_INVALID: Final = frozenset({400, 404, 422})

#: A pod that keeps the profile ``restricted`` and every rule of ours.
CONFORMING: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "sandtable-verify"},
    "spec": {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "main",
                "image": "sandtable.dev/verify:1.0.0",
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "1Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    },
}
_MAIN: Final = ("spec", "containers", 0)
_CONTEXT: Final = (*_MAIN, "securityContext")
_VOLUMES: Final = ("spec", "volumes")

#: Control of the Pod Security Standards -> what a pod sets to break it alone, and the rule of ours that refuses the same.
CONTROLS: Final[dict[str, tuple[dict[tuple[str | int, ...], Any], str | None]]] = {
    "host network": ({("spec", "hostNetwork"): True}, "no-host-namespaces"),
    "host processes": ({("spec", "hostPID"): True}, "no-host-namespaces"),
    "host IPC": ({("spec", "hostIPC"): True}, "no-host-namespaces"),
    "host paths": ({_VOLUMES: [{"name": "host", "hostPath": {"path": "/etc"}}]}, "no-host-paths"),
    "host ports": ({(*_MAIN, "ports"): [{"containerPort": 80, "hostPort": 80}]}, None),
    "privileged": ({(*_CONTEXT, "privileged"): True, (*_CONTEXT, "allowPrivilegeEscalation"): True}, "no-privileged-pods"),
    "privilege escalation": ({(*_CONTEXT, "allowPrivilegeEscalation"): True}, "no-privilege-escalation"),
    "capabilities kept": ({(*_CONTEXT, "capabilities"): {}}, "no-privilege-escalation"),
    "capabilities added": ({(*_CONTEXT, "capabilities"): {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}, "no-privilege-escalation"),
    "root not excluded": ({("spec", "securityContext"): {"seccompProfile": {"type": "RuntimeDefault"}}}, "run-as-non-root"),
    "root by number": ({("spec", "securityContext", "runAsUser"): 0}, "run-as-non-root"),
    "seccomp": ({("spec", "securityContext", "seccompProfile"): {"type": "Unconfined"}}, None),
    "SELinux": ({("spec", "securityContext", "seLinuxOptions"): {"type": "spc_t"}}, None),
    "AppArmor": ({("spec", "securityContext", "appArmorProfile"): {"type": "Unconfined"}}, None),
    "sysctls": ({("spec", "securityContext", "sysctls"): [{"name": "kernel.msgmax", "value": "1"}]}, None),
    "volume types": ({_VOLUMES: [{"name": "share", "nfs": {"server": "nowhere", "path": "/"}}]}, None),
}


def breaking(changes: Mapping[tuple[str | int, ...], Any]) -> dict[str, Any]:
    """Return the conforming pod with values at some paths replaced."""
    pod = copy.deepcopy(CONFORMING)
    for path, value in changes.items():
        place: Any = pod
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    return pod


def rules_agree(ground: Ground) -> str:
    """Hold the API server's policies and the CrossGuard pack against every example of every rule that is in force here."""
    mode = ground.environment.admission.mode
    if mode == "audit":
        raise NotHereError("its mode is `audit`: breaches are only in the API server's audit log, which cannot be read through the API")
    in_force = _in_force(ground)
    require(in_force, "the cluster has none of the policies that the stack declares")
    pack = _pack(ground)
    judged, refused, disagreed = 0, 0, []
    for rule in in_force:
        for example in (*rule.examples.passing, *rule.examples.failing):
            verdict = _broken(ground.api.create(example.object, dry_run=True))
            if verdict is None:
                continue
            judged += 1
            broken = {name for name in pack if name in {one.id for one in in_force} and pack[name](example.object)}
            expected = example in rule.examples.failing
            refused += expected
            # A server that denies names the first rule that was broken; one that warns names all.
            same = verdict == broken if mode == "warn" else bool(verdict) == bool(broken) and verdict <= broken
            if not same or (rule.id in broken) != expected:
                disagreed.append(f"{rule.id}, {example.name}: API server {_named(verdict)}, CrossGuard {_named(broken)}")
    if disagreed:
        raise CheckFailedError(f"{len(disagreed)} of {judged} verdicts differ: {'; '.join(disagreed[:3])}")
    require(refused, "no example was refused, so nothing was shown")
    return f"{len(in_force)} rules, {judged} objects ({refused} violating): API server and CrossGuard agree on all"


def pod_security(ground: Ground) -> str:
    """Find every namespace with the profile that is declared for it, and break each control of ``restricted`` alone in one of them."""
    live = {one["metadata"]["name"]: (one["metadata"].get("labels") or {}).get(_PROFILE) for one in ground.live("Namespace")}
    declared = {one.object_name: one.labels.get(_PROFILE) for one in ground.graph.objects("Namespace")}
    opened = [f"{name}: {live.get(name)} in place of {profile}" for name, profile in declared.items() if live.get(name) != profile]
    require(not opened, f"namespaces enforce another profile than declared: {', '.join(sorted(opened))}")
    restricted = sorted(name for name, profile in live.items() if profile == "restricted")
    if not restricted:
        raise NotHereError("no namespace of it enforces the profile `restricted`")
    worst = breaking(CONTROLS["privileged"][0])
    admitting = [name for name in restricted if not _refused(ground, worst, name)]
    require(not admitting, f"a privileged pod is admitted to {', '.join(admitting)}")
    namespace = restricted[0]
    rules, pack = {rule.id for rule in _in_force(ground)}, _pack(ground)
    require(not _refused(ground, CONFORMING, namespace), f"namespace {namespace} refuses a pod that keeps the profile")
    require(not any(judge(CONFORMING) for name, judge in pack.items() if name in rules), "a rule of ours refuses a pod that keeps them all")
    wrong = []
    for control, (changes, rule) in CONTROLS.items():
        pod = breaking(changes)
        if not _refused(ground, pod, namespace):
            wrong.append(f"{control}: admitted")
        elif rule in rules and not pack[rule](pod):
            wrong.append(f"{control}: refused by Pod Security and not by {rule}")
    if wrong:
        raise CheckFailedError(f"{len(wrong)} of {len(CONTROLS)} controls: {'; '.join(wrong)}")
    covered = sum(rule in rules for _, rule in CONTROLS.values())
    broken = f"{len(CONTROLS)} controls broken alone and refused, {covered} of them by our rules, too; the conforming pod admitted"
    return f"{len(restricted)} namespaces refuse a privileged pod; in {namespace}, {broken}"


def _in_force(ground: Ground) -> list[ObjectRule]:
    """The rules whose policy and binding are in the cluster."""
    from stacks.admission.rules import load_rules
    from stacks.components.security.admission import policy_name

    version = "admissionregistration.k8s.io/v1"
    there = [
        {item["metadata"]["name"] for item in ground.api.items(listing(version, f"validatingadmissionpolic{plural}"))}
        for plural in ("ies", "ybindings")
    ]
    return [rule for rule in load_rules() if all(policy_name(rule) in names for names in there)]


def _pack(ground: Ground) -> dict[str, Callable[[Mapping[str, Any]], bool]]:
    """The rules of the CrossGuard pack over single objects: whether each refuses a manifest."""
    from pulumi_policy import ResourceValidationPolicy

    from policies.crossguard.pack import policies
    from policies.crossguard.stack import Stack

    own = [policy for policy in policies(Stack(ground.environment)) if isinstance(policy, ResourceValidationPolicy)]
    return {policy.name: _judge(policy) for policy in own}


def _judge(policy: Any) -> Callable[[Mapping[str, Any]], bool]:
    from pulumi_policy import ResourceValidationArgs

    def refuses(manifest: Mapping[str, Any]) -> bool:
        found: list[str] = []
        options: Any = None  # no rule of ours reads them
        arguments = ResourceValidationArgs(f"kubernetes:{manifest['kind']}", dict(manifest), "urn:verify", "verify", options, None)
        try:
            policy.validate(arguments, lambda message, _urn=None: found.append(message))
        except Exception as reason:  # `not_applicable` raises a private class of the SDK
            if type(reason).__name__ != "_NotApplicableError":
                raise NotRunError(f"the CrossGuard pack cannot judge {manifest['kind']}: {reason}") from reason
        return bool(found)

    return refuses


def _broken(answer: Answer) -> set[str] | None:
    """Ids of the rules that the API server named; None where the object is invalid anyway."""
    named = set(_POLICY.findall(" ".join((*answer.warnings, answer.message if not answer.ok else ""))))
    if not named and answer.status in _INVALID:
        return None
    if not named and not answer.ok:
        raise NotRunError(f"the API server refuses a dry run for another reason: {answer.status} {answer.message}")
    return named


def _refused(ground: Ground, pod: Mapping[str, Any], namespace: str) -> bool:
    answer = ground.api.create({**pod, "metadata": {**pod["metadata"], "namespace": namespace}}, dry_run=True)
    return _POD_SECURITY in answer.message


def _named(rules: set[str]) -> str:
    return ", ".join(sorted(rules)) or "admits"


def checks() -> Iterator[Check]:
    """Yield the checks of admission."""
    yield Check(
        "admission-rules",
        "admission",
        "the API server's policies and the CrossGuard pack give the same verdict on every example of every rule",
        "violating examples are refused by both",
        rules_agree,
    )
    yield Check(
        "pod-security",
        "admission",
        "namespaces refuse a pod that breaks one control of the profile `restricted`, and our rules refuse it where they cover the control",
        "a conforming pod is admitted",
        pod_security,
    )
