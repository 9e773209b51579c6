"""The rules over single Kubernetes objects: data in ``policies/admission/*.yaml``, read here.

Rule 1: a rule is written once, as CEL. The API server evaluates it as a ValidatingAdmissionPolicy
(``components/security/admission.py``) and ``policies.objects`` evaluates it over a graph; both take their text from here.
Rule 2: this module reads and completes rules; it evaluates nothing.
Rule 3: an expression uses only what both evaluators know: the CEL standard library with its macros, optional values
(``object.?spec.?replicas.orValue(1)``) and the string functions. Kubernetes' own functions (``quantity``, ``url`` …) are rejected when the
rule is compiled.
Rule 4: the API server fills in defaults before it evaluates the policies; a graph shows what was written. A rule must give the same verdict
on both, so it names the default itself (``.orValue(…)``).

An expression sees ``object`` and ``variables``. Besides a rule's own variables there are always ``variables.waivers`` (the text of the
waiver annotations), and for kinds with pods ``variables.pod`` (the pod's spec) and ``variables.containers`` (including init and ephemeral
containers). A variable must have a value for every object of the rule's kinds: one evaluator always computes it, the other only if it is
used.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stacks.errors import ConfigurationError
from stacks.graph import labels
from stacks.graph.kinds import KINDS, TEMPLATES, standard

FOLDER: Final = Path(__file__).resolve().parents[2] / "policies" / "admission"

#: Namespaces of the cluster itself; its components are out of scope.
EXEMPT_NAMESPACES: Final = ("kube-node-lease", "kube-public", "kube-system")

Severity = Literal["deny", "warn"]

# The safe loader over libyaml, if PyYAML has it: eight times faster, and every graph of the stack reads the rules.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


#: ``kinds: pods`` means these.
WITH_PODS: Final = ("Pod", *TEMPLATES)

# Ephemeral containers have another type in the API server, which only concatenates lists of one type.
_CONTAINERS: Final = (
    "variables.pod.?containers.orValue([]) + variables.pod.?initContainers.orValue([])"
    " + dyn(variables.pod.?ephemeralContainers.orValue([]))"
)


class RuleFileError(ConfigurationError):
    """A rule file is invalid; the text names the file, the key and what is allowed."""


class Variable(BaseModel):
    """A named CEL expression that the rule's other expressions use as ``variables.<name>``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]*$")]
    expression: str


class Example(BaseModel):
    """A manifest that passes or breaks a rule, and what it shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    object: dict[str, Any]


class Examples(BaseModel):
    """Manifests that the rule must admit and manifests that it must reject; every test tier uses them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passing: Annotated[tuple[Example, ...], Field(min_length=1)]
    failing: Annotated[tuple[Example, ...], Field(min_length=1)]


class ObjectRule(BaseModel):
    """One rule over single objects; frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=48)]
    title: str
    """What the rule requires, in one line."""
    reason: str
    """Why: what goes wrong without it."""
    fix: str
    """What to write instead."""
    severity: Severity
    kinds: tuple[str, ...]
    """Kinds that it applies to. ``pods`` in a file means Pod and every kind with a pod template."""
    environments: tuple[str, ...] = ()
    """Names of the environments where it applies; empty: everywhere."""
    variables: tuple[Variable, ...] = ()
    expression: str
    """CEL: true if the object complies with the rule."""
    message: Annotated[str, Field(pattern=r"^[^\n]+$")]
    """The message to the author of a rejected object."""
    messageExpression: str | None = None  # noqa: N815  # Kubernetes' own name for it
    """CEL: a message that names the parts at fault, used instead of ``message`` if it can be computed."""
    examples: Examples

    @field_validator("kinds", mode="before")
    @classmethod
    def _expand_kinds(cls, value: Any) -> Any:
        kinds = WITH_PODS if value == "pods" else value
        if not isinstance(kinds, list | tuple) or not kinds:
            raise ValueError("a list of kinds is expected, or the word `pods`")
        for kind in kinds:
            if kind not in KINDS:
                near = difflib.get_close_matches(str(kind), KINDS, n=1)
                raise ValueError(f"{kind!r} is not one of {', '.join(KINDS)}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return tuple(kinds)

    @model_validator(mode="after")
    def _own_variables(self) -> Self:
        provided = {variable.name for variable in self.provided_variables}
        for variable in self.variables:
            if variable.name in provided:
                raise ValueError(f"variable {variable.name!r} is given to every rule; choose another name")
            provided.add(variable.name)
        return self

    @property
    def provided_variables(self) -> tuple[Variable, ...]:
        """The variables that every rule of these kinds gets."""
        annotations = ["object.metadata"]
        given: list[Variable] = []
        if all(kind in WITH_PODS for kind in self.kinds):
            # One kind: the path is typed, and the API server checks it against the kind's schema. Several kinds: each has its own path, and
            # only `dyn` may follow a path that one of the schemas lacks.
            of = "object" if len({_pod_path(kind) for kind in self.kinds}) == 1 else "dyn(object)"
            given = [
                Variable(name="template", expression=_by_kind(self.kinds, of)),
                Variable(name="pod", expression="variables.template.spec"),
                Variable(name="containers", expression=_CONTAINERS),
            ]
            annotations.append("variables.template.?metadata")
        texts = (f'{path}.?annotations[?"{labels.WAIVER}"].orValue("")' for path in annotations)
        return (*given, Variable(name="waivers", expression=r' + "\n" + '.join(texts)))

    @property
    def all_variables(self) -> tuple[Variable, ...]:
        """The provided variables, then its own, in an order in which each refers only to earlier ones."""
        return (*self.provided_variables, *self.variables)

    @property
    def waived_expression(self) -> str:
        """CEL: true if the object carries a waiver of this rule, with a reason."""
        return f"variables.waivers.matches(r'{_waiver_pattern(self.id)}')"

    @property
    def admission_expression(self) -> str:
        """CEL: true if the object is admitted, because it complies or because the rule is waived."""
        return f"{self.waived_expression} || ({self.expression.strip()})"

    def applies_to(self, manifest: Mapping[str, Any]) -> bool:
        """Whether it applies to this object: its kind is one of the rule's, and it is outside the cluster's own namespaces."""
        kind = manifest.get("kind")
        if kind not in self.kinds or standard(str(manifest.get("apiVersion", "")), kind) is None:
            return False
        return not is_exempt(kind, manifest.get("metadata") or {})

    def applies_in(self, environment: str) -> bool:
        """Whether it applies in the environment with this name."""
        return not self.environments or environment in self.environments


def is_exempt(kind: str, metadata: Mapping[str, Any]) -> bool:
    """Whether an object of this kind is in one of the cluster's own namespaces, or is one of them."""
    return (metadata.get("name") if kind == "Namespace" else metadata.get("namespace")) in EXEMPT_NAMESPACES


def waiver_reason(rule_id: str, text: str) -> str | None:
    """Return the reason for waiving ``rule_id`` in the text of a waiver annotation, None if it is not waived.

    The text holds ``<rule-id>: <reason>``, several separated by a new line or a semicolon.

    >>> waiver_reason("no-host-paths", "no-host-paths: reads the node's logs; images-pinned: a mirror")
    "reads the node's logs"
    """
    match = re.search(_waiver_pattern(rule_id) + r"[^\n;]*", text)
    return match[0].partition(":")[2].strip() if match else None


def load_rules(folder: Path = FOLDER) -> list[ObjectRule]:
    """Read every rule of ``folder``, ordered by id.

    Raises:
        RuleFileError: a file cannot be read or is invalid.
    """
    rules = [load_rule(path) for path in sorted(folder.glob("*.yaml"))]
    if not rules:
        raise RuleFileError(f"{folder}: there is no rule file (*.yaml); an empty rule set would admit everything")
    return rules


def load_rule(path: Path) -> ObjectRule:
    """Read one rule.

    Raises:
        RuleFileError: see :func:`load_rules`.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506  # a safe loader, see there
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuleFileError(f"{path}: cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise RuleFileError(f"{path}: a mapping with the keys {', '.join(ObjectRule.model_fields)} is expected")
    try:
        rule = ObjectRule.model_validate(document)
    except ValidationError as error:
        raise RuleFileError("\n".join(f"{path}: {_sentence(problem)}" for problem in error.errors())) from error
    if rule.id != path.stem:
        raise RuleFileError(f"{path}: id = {rule.id!r}: a rule's file must be named <id>.yaml; rename the file or change the id")
    return rule


def _sentence(problem: Any) -> str:
    location = [part for part in problem["loc"] if part != "rule"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "the rule"
    if problem["type"] == "extra_forbidden":
        allowed = list(ObjectRule.model_fields) if len(location) == 1 else []
        near = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        return (
            f"{key}: unknown key"
            + (f"; allowed: {', '.join(allowed)}" if allowed else "")
            + (f"; did you mean {near[0]!r}?" if near else "")
        )
    if problem["type"] == "missing":
        return f"{key}: is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{key} = {problem['input']!r}: {message[:1].lower()}{message[1:]}"


def _waiver_pattern(rule_id: str) -> str:
    """Pattern of a waiver with its reason on the same line. RE2 and ``re`` differ on whitespace classes, so it uses none."""
    return rf"(^|[\n;])[ \t]*{rule_id}[ \t]*:[ \t]*[^ \t\n;]"


def _pod_path(kind: str) -> tuple[str, ...]:
    return TEMPLATES.get(kind, ())


def _by_kind(kinds: tuple[str, ...], of: str) -> str:
    """CEL for the pod template (the pod itself for a Pod) of an object of any of ``kinds``."""
    paths: dict[tuple[str, ...], list[str]] = {}
    for kind in kinds:
        paths.setdefault(_pod_path(kind), []).append(kind)
    *others, (last, _) = sorted(paths.items(), key=lambda item: (len(item[1]), item[0]))
    text = ".".join((of, *last))
    for path, names in reversed(others):
        test = " || ".join(f'object.kind == "{name}"' for name in names)
        text = f"{test} ? {'.'.join((of, *path))} : {text}"
    return text
