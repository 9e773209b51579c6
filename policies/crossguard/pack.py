"""Every rule as a Pulumi policy, with the verdicts of ``policies.assess``.

Rule 1: nothing is evaluated here. A policy calls the same evaluator as ``sandtable preview`` and reports its result.
Rule 2: a rule that denies is mandatory and stops the update, one that warns is advisory.
Rule 3: a waived breach is not a violation, but it stays visible: the policy reports ``not applicable`` with the waiver's reason.

The engine wraps resources in proxies that raise on values not known before the deployment, and passes every number as a float; both are
normalised first. To a rule over the stack it passes the live objects with everything that the cluster has added, such as a node's transient
taints. Rules judge the desired state, so we record it from the rules over single resources, which the engine runs first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.assessment import assess, bundled_rules
from policies.crossguard.stack import Stack
from policies.findings import Assessment
from policies.objects import CompiledRule
from policies.stack import STACK_RULES, StackRule
from stacks.errors import ConfigurationError
from stacks.graph import UNKNOWN, Graph, Resource
from stacks.graph.sources.shapes import checked

_LEVELS: Final = {
    "deny": (EnforcementLevel.MANDATORY, Severity.HIGH),
    "warn": (EnforcementLevel.ADVISORY, Severity.LOW),
}


def policies(stack: Stack) -> list[Policy]:
    """Return one policy per rule; ``stack`` may be filled in later, as long as that is before the first policy runs."""
    asked_for: dict[str, Resource] = {}
    return [
        *(_object_policy(rule, stack, asked_for) for rule in bundled_rules()),
        *(_stack_policy(rule, stack, asked_for) for rule in STACK_RULES),
    ]


def _object_policy(compiled: CompiledRule, stack: Stack, asked_for: dict[str, Resource]) -> Policy:
    rule = compiled.rule

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        asked_for[args.urn] = _resource(args)
        graph = Graph.of([asked_for[args.urn]], "policy pack")
        _report(assess(graph, stack.environment, stack.price_book, object_rules=(compiled,), stack_rules=()), args, report)

    return ResourceValidationPolicy(name=rule.id, validate=validate, **_described(rule.title, rule.reason, rule.fix, rule.severity))


def _stack_policy(rule: StackRule, stack: Stack, asked_for: Mapping[str, Resource]) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = (asked_for.get(resource.urn) or _resource(resource) for resource in args.resources)
        graph = Graph.of(resources, "policy pack")
        if malformed := _malformed(graph):
            report(f"cannot be judged: {malformed}", None)
        else:
            _report(assess(graph, stack.environment, stack.price_book, object_rules=(), stack_rules=(rule,)), args, report)

    return StackValidationPolicy(name=rule.id, validate=validate, **_described(rule.title, rule.reason, rule.fix, rule.severity))


def _described(title: str, reason: str, fix: str, severity: str) -> dict[str, Any]:
    level, weight = _LEVELS[severity]
    return {
        "description": f"{title}. {reason}",
        "display_name": title,
        "enforcement_level": level,
        "severity": weight,
        "remediation_steps": fix,
    }


def _report(said: Assessment, args: ResourceValidationArgs | StackValidationArgs, report: ReportViolation) -> None:
    open_findings = [finding for finding in said.findings if finding.waived_by is None]
    for finding in open_findings:
        report(f"{finding.resource}: {finding.message}. {finding.fix}", finding.urn or None)
    reasons = [rule.reason for rule in said.not_applicable]
    reasons += [f"waived on {finding.resource}: {finding.waived_by}" for finding in said.findings if finding.waived_by is not None]
    if reasons and not open_findings:
        args.not_applicable("; ".join(reasons))


def _malformed(graph: Graph) -> str:
    """Describe what lacks the shape that a rule over the stack relies on; empty if everything has it."""
    problems = []
    for resource in graph.known:
        try:
            checked(resource.inputs, resource.name)
        except ConfigurationError as error:
            problems.append(str(error).replace("\n", "; "))
    return "; ".join(problems)


def _resource(given: ResourceValidationArgs | PolicyResource) -> Resource:
    return Resource(given.urn, given.resource_type, given.name, inputs=_plain(given.props))


def _plain(value: Any) -> Any:
    """Unwrap the proxies; a value that is not known yet becomes the graph's marker for it."""
    if isinstance(value, Mapping):
        return {key: _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_known(value, index) for index in range(len(value))]
    return value


def _known(container: Any, key: Any) -> Any:
    try:
        return _plain(container[key])
    except UnknownValueError:
        return UNKNOWN
