"""Evaluates object rules (``stacks.admission.rules``) with a CEL library: the same expressions that the API server evaluates.

Rule 1: the library is the C++ implementation of CEL, from the authors of the one in the API server, with the same regular expressions
(RE2); ``tests/e2e/clusters/test_admission.py`` checks that both give the same verdict on every example and its mutations.
Rule 2: an expression that fails to evaluate is a breach, as with ``failurePolicy: Fail``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings

from policies.errors import RuleExpressionError
from stacks.admission.rules import ObjectRule, waiver_reason
from stacks.graph import POD_TEMPLATES, labels

_ENVIRONMENT: Final = cel.NewEnv(
    variables={"object": cel.Type.DYN, "variables": cel.Type.DYN},
    extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
)

_WORD: Final = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z_]\w*)""")


@dataclass(frozen=True, slots=True)
class RuleResult:
    """A rule's verdict on one object. ``message`` is empty if the object complies; ``waived_by`` is the reason of a waiver."""

    kept: bool
    message: str = ""
    waived_by: str | None = None

    @property
    def admitted(self) -> bool:
        """Whether the API server would admit the object."""
        return self.kept or self.waived_by is not None


class CompiledRule:
    """An object rule, ready to be evaluated.

    Raises:
        RuleExpressionError: one of its expressions is not CEL, names something unknown, or has a wrong type.
    """

    def __init__(self, rule: ObjectRule) -> None:
        self.rule = rule
        self._variables = tuple(
            (variable.name, _compile(rule, f"variables.{variable.name}", variable.expression)) for variable in rule.all_variables
        )
        self._expression = _compile(rule, "expression", rule.expression)
        self._waived = _compile(rule, "the waiver's expression", rule.waived_expression)
        self._message = _compile(rule, "messageExpression", rule.messageExpression) if rule.messageExpression else None
        #: All words in its expressions: an upper bound on the fields that it can read from an object.
        self.words = frozenset(word for text in _texts(rule) for match in _WORD.finditer(text) for word in match.groups() if word)

    def judge(self, manifest: Mapping[str, Any]) -> RuleResult:
        """Return the verdict on a manifest of one of the rule's kinds."""
        data: dict[str, Any] = {"object": manifest, "variables": {}}
        try:
            for name, expression in self._variables:
                data["variables"][name] = _evaluate(expression, data)
            kept, problem = _evaluate(self._expression, data) is True, ""
        except _EvaluationError as error:
            kept, problem = False, f"{self.rule.message} (cannot be judged: {error})"
        if kept:
            return RuleResult(kept=True)
        return RuleResult(kept=False, message=problem or self._text(data), waived_by=self._waiver(data))

    def _text(self, data: dict[str, Any]) -> str:
        if self._message is None:
            return self.rule.message
        try:
            text = _evaluate(self._message, data)
        except _EvaluationError:
            return self.rule.message
        # As at admission: an unusable result of `messageExpression` falls back to `message`.
        return text.strip() if isinstance(text, str) and text.strip() and "\n" not in text else self.rule.message

    def _waiver(self, data: dict[str, Any]) -> str | None:
        if "waivers" not in data["variables"] or _evaluate(self._waived, data) is not True:
            return None
        return waiver_reason(self.rule.id, data["variables"]["waivers"])


def compile_rules(rules: Iterable[ObjectRule]) -> list[CompiledRule]:
    """Compile ``rules`` in order.

    Raises:
        RuleExpressionError: see :class:`CompiledRule`.
    """
    return [CompiledRule(rule) for rule in rules]


def waiver_text(manifest: Mapping[str, Any]) -> str:
    """Return the text of the waivers on an object and on its pod template; the rules over the whole stack read it here."""
    places = [manifest.get("metadata")]
    here: Any = manifest
    for key in (*POD_TEMPLATES.get(str(manifest.get("kind")), ("nothing",)), "metadata"):
        here = here.get(key) if isinstance(here, Mapping) else None
    places.append(here)
    texts = (((place or {}).get("annotations") or {}).get(labels.WAIVER) for place in places)
    return "\n".join(text for text in texts if isinstance(text, str))


def _texts(rule: ObjectRule) -> Iterator[str]:
    yield from (variable.expression for variable in rule.all_variables)
    yield from (rule.expression, rule.messageExpression or "")


class _EvaluationError(Exception):
    """A CEL evaluation ended in an error value, such as a missing key."""


def _compile(rule: ObjectRule, key: str, text: str) -> cel.Expression:
    try:
        return _ENVIRONMENT.compile(text)
    except RuntimeError as error:
        # The library raises one kind of error; its text holds `<input>:<line>:<column>: <problem>` once for each problem.
        problems = re.findall(r"<input>:(\d+):(\d+): ([^\n]+?)(?: \(in container ''\))?\n", str(error))
        where = "; ".join(f"line {line}, column {column}: {problem}" for line, column, problem in problems)
        raise RuleExpressionError(f"policies/admission/{rule.id}.yaml: {key}, {where or error}") from error


def _evaluate(expression: cel.Expression, data: dict[str, Any]) -> Any:
    try:
        value = expression.eval(data=data)
    except RuntimeError as error:  # the library's own limits, such as the one on iterations
        raise _EvaluationError(str(error)) from error
    if value.type() == cel.Type.ERROR:
        raise _EvaluationError(str(value.plain_value()))
    return value.plain_value()
