"""Every rule as a policy of Pulumi's own kind, with the verdicts of ``policies.assess``.

Rule 1: nothing is judged here. A policy asks the same evaluator as ``sandtable preview`` and reports what it says.
Rule 2: a rule that denies is mandatory and stops the update, one that warns is advisory.
Rule 3: a waived breach is no violation, but it is not hidden: the policy says ``not applicable`` with the waiver's reason.

The engine hands resources over behind proxies that raise on values not known before the deployment, and every number as a float:
both are brought into the graph's normal form first. To a rule over the stack it hands what is deployed with all that the cluster has
added, such as a node's taint of the moment; rules judge what was asked for, so that is kept from the rules over single resources,
which the engine asks first.
"""

from __future__ import annotations

import json
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
from policies.findings import Assessment
from policies.objects import CompiledRule
from policies.stack import STACK_RULES, StackRule
from stacks.environment import Environment
from stacks.environment_file import PROJECT
from stacks.graph import UNKNOWN, Graph, Resource

_LEVELS: Final = {
    "deny": (EnforcementLevel.MANDATORY, Severity.HIGH),
    "warn": (EnforcementLevel.ADVISORY, Severity.LOW),
}


def policies(environment: Environment | None) -> list[Policy]:
    """Return one policy a rule; ``environment`` None: the stack is not one of ours, and rules that need one are not applicable."""
    asked_for: dict[str, Resource] = {}
    return [
        *(_object_policy(rule, environment, asked_for) for rule in bundled_rules()),
        *(_stack_policy(rule, environment, asked_for) for rule in STACK_RULES),
    ]


def environment_of(stack: str, config: Mapping[str, str]) -> Environment | None:
    """Return the environment that a stack's configuration describes, None where it has no ``sandtable:`` keys.

    Pulumi hands structured values over as JSON. Keys that are no field of an environment are the program's secrets.
    """
    values = {key.partition(":")[2]: value for key, value in config.items() if key.startswith(f"{PROJECT}:")}
    fields = {
        key: json.loads(value) if value[:1] in {"{", "["} else value for key, value in values.items() if key in Environment.model_fields
    }
    return Environment.model_validate({**fields, "name": stack}) if values else None


def _object_policy(compiled: CompiledRule, environment: Environment | None, asked_for: dict[str, Resource]) -> Policy:
    rule = compiled.rule

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        asked_for[args.urn] = _resource(args)
        graph = Graph.of([asked_for[args.urn]], "policy pack")
        _report(assess(graph, environment, object_rules=(compiled,), stack_rules=()), args, report)

    return ResourceValidationPolicy(name=rule.id, validate=validate, **_described(rule.title, rule.reason, rule.fix, rule.severity))


def _stack_policy(rule: StackRule, environment: Environment | None, asked_for: Mapping[str, Resource]) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = (asked_for.get(resource.urn) or _resource(resource) for resource in args.resources)
        _report(assess(Graph.of(resources, "policy pack"), environment, object_rules=(), stack_rules=(rule,)), args, report)

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


def _resource(given: ResourceValidationArgs | PolicyResource) -> Resource:
    return Resource(given.urn, given.resource_type, given.name, inputs=_plain(given.props))


def _plain(value: Any) -> Any:
    """Take the proxies off; a value that is not known yet becomes the graph's mark for it."""
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
