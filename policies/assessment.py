"""Evaluates every rule on a graph: the object rules in CEL, the stack rules in Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from policies.findings import EVERY_RULE, Assessment, Finding, NotApplicable
from policies.objects import CompiledRule, compile_rules, waiver_text
from policies.stack import STACK_RULES, Breach, NotApplicableError, Situation, StackRule, Unjudged
from policies.subjects import Subject, not_judged, subjects
from policies.unknown import REASON, Settled, known_to, settle
from stacks.admission.rules import is_exempt, load_rules, waiver_reason
from stacks.environment import Environment
from stacks.errors import ConfigurationError
from stacks.graph import Graph
from stacks.pricing.prices import PriceBook

THE_STACK = "the stack"


def assess(
    graph: Graph,
    environment: Environment | None = None,
    price_book: PriceBook | None = None,
    *,
    object_rules: Sequence[CompiledRule] | None = None,
    stack_rules: Sequence[StackRule] = STACK_RULES,
) -> Assessment:
    """Evaluate all rules (or the given ones) on ``graph`` and report which could not be evaluated.

    ``environment`` None: a graph without an environment definition; rules that need one are not applicable. ``price_book`` None: the
    environment's own (a relative path is resolved against the working directory), else the bundled one.

    Raises:
        RuleFileError, RuleExpressionError: one of our own rules is invalid.
        PriceBookError: the environment's price book cannot be read.
    """
    compiled = bundled_rules() if object_rules is None else object_rules
    settled = settle(graph)
    book = price_book or PriceBook.named(environment.budget.price_book if environment else "bundled")
    situation = Situation(settled.graph, environment, book)
    findings: list[Finding] = []
    left_out = [NotApplicable(EVERY_RULE, sentence) for sentence in (*graph.unseen, *not_judged(graph))]
    found = subjects(graph)
    judged: list[str] = []
    rules: list[CompiledRule | StackRule] = [*compiled, *stack_rules]
    for rule in rules:
        try:
            said = (
                [*_of_objects(rule, found, environment)]
                if isinstance(rule, CompiledRule)
                # A new Situation for each rule: a shared one caches values, so only the first rule would be seen to read an unknown.
                else [*_of_stack(rule, situation if settled.graph is graph else Situation(settled.graph, environment, book), settled)]
            )
        except NotApplicableError as reason:
            left_out.append(NotApplicable(_id(rule), str(reason)))
        else:
            findings += (one for one in said if isinstance(one, Finding))
            left_out += (one for one in said if isinstance(one, NotApplicable))
            judged.append(_id(rule))
    return Assessment(
        tuple(sorted(findings, key=lambda finding: finding.order)),
        tuple(sorted(left_out, key=lambda rule: (rule.rule, rule.reason))),
        tuple(sorted(judged)),
    )


def check(graph: Graph, environment: Environment | None = None, price_book: PriceBook | None = None) -> list[Finding]:
    """Return the findings of :func:`assess`, those that deny first, the waived ones last."""
    return list(assess(graph, environment, price_book).findings)


@cache
def bundled_rules() -> tuple[CompiledRule, ...]:
    """Return the object rules that ship with the project, compiled.

    Raises:
        RuleFileError, RuleExpressionError: one of them is invalid.
    """
    return tuple(compile_rules(load_rules()))


def _id(rule: CompiledRule | StackRule) -> str:
    return rule.rule.id if isinstance(rule, CompiledRule) else rule.id


def _must_hold(environments: Iterable[str], environment: Environment | None) -> None:
    names = ", ".join(environments)
    if names and (environment is None or environment.name not in environments):
        raise NotApplicableError(f"it holds in {names} only, and {environment.name if environment else 'no environment'} was given")


def _of_objects(compiled: CompiledRule, found: Iterable[Subject], environment: Environment | None) -> Iterator[Finding | NotApplicable]:
    rule = compiled.rule
    _must_hold(rule.environments, environment)
    for subject in found:
        resource = subject.resource
        if subject.manifest["kind"] not in rule.kinds:
            continue
        known = known_to(compiled.words, subject.manifest)
        if not rule.applies_to(known.inputs):
            continue
        verdict = compiled.judge(known.inputs)
        if known.doubtful or (verdict.kept and known.partly):
            yield NotApplicable(rule.id, f"{resource.label}: {REASON}")
        elif not verdict.kept:
            yield Finding(rule.id, rule.severity, resource.label, resource.urn, _at(subject, verdict.message), rule.fix, verdict.waived_by)


def _at(subject: Subject, message: str) -> str:
    return f"{message} ({subject.where})" if subject.where else message


def _of_stack(rule: StackRule, situation: Situation, settled: Settled) -> Iterator[Finding | NotApplicable]:
    _must_hold(rule.environments, situation.environment)
    settled.forget()
    said = [one for one in _breaches(rule, situation) if one.resource is None or not is_exempt(one.resource.kind, one.resource.metadata)]
    yield from (NotApplicable(rule.id, f"{one.resource.label}: {one.reason}") for one in said if isinstance(one, Unjudged))
    breaches = [one for one in said if isinstance(one, Breach)]
    certain = [breach for breach in breaches if settled.is_certain(breach.resource.urn if breach.resource else None)]
    for breach in certain:
        resource = breach.resource
        if resource is None:
            yield Finding(rule.id, rule.severity, THE_STACK, "", breach.message, rule.fix)
        else:
            waived_by = waiver_reason(rule.id, waiver_text(resource.inputs))
            yield Finding(rule.id, rule.severity, resource.label, resource.urn, breach.message, rule.fix, waived_by)
    broken = {breach.resource.urn for breach in certain if breach.resource}
    unknown = {breach.resource.label if breach.resource else THE_STACK for breach in breaches if breach not in certain}
    unknown |= {resource.label for resource in settled.graph if resource.urn in settled.doubtful | (settled.partly - broken)}
    yield from (NotApplicable(rule.id, f"{label}: {REASON}") for label in sorted(unknown))


def _breaches(rule: StackRule, situation: Situation) -> Iterator[Breach | Unjudged]:
    try:
        yield from rule.judge(situation)
    except ConfigurationError as error:  # an invalid quantity, in a graph that we did not write
        yield Breach(f"cannot be judged: {error}")
