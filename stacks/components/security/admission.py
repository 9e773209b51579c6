"""Policy admission: every object rule as a ValidatingAdmissionPolicy, evaluated inside the API server, so no webhook can be down.

One policy and one binding per rule. The policy is the rule from ``policies/admission``; the binding sets its scope and action, so that an
environment can enable a rule, or turn a denial into a warning, without touching its CEL.

Policies apply to objects that a user writes. Objects that Kubernetes' own controllers create from an admitted one (the pods of a
Deployment) are exempt: the waiver is on the original object, and the user would see no message for a pod rejected behind an admitted
Deployment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.admission.rules import EXEMPT_NAMESPACES, ObjectRule, load_rules
from stacks.components.component import Component
from stacks.graph.kinds import KINDS, Kind

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

api = k8s.admissionregistration.v1

#: Users of the API server itself and of the controllers that create objects from an admitted one.
_CONTROLLERS: Final = (
    "system:apiserver",
    "system:kube-controller-manager",
    *(
        f"system:serviceaccount:kube-system:{name}-controller"
        for name in ("cronjob", "daemon-set", "deployment", "job", "replicaset", "replication", "statefulset")
    ),
)


class PolicyAdmission(Component):
    """The object rules that apply in this environment, enforced according to ``environment.admission.mode``."""

    KIND: ClassVar[str] = "security:PolicyAdmission"
    APP: ClassVar[str] = "policy-admission"

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.rules = tuple(rule for rule in load_rules() if rule.applies_in(environment.name))
        for rule in self.rules:
            policy = self._policy(rule)
            self._binding(rule, policy)
        self.register_outputs({"rules": [rule.id for rule in self.rules]})

    def _policy(self, rule: ObjectRule) -> api.ValidatingAdmissionPolicy:
        name = policy_name(rule)
        return api.ValidatingAdmissionPolicy(
            name,
            metadata=self.metadata(name, part="policy"),
            spec=policy_spec(rule),
            opts=self.options(),
        )

    def _binding(self, rule: ObjectRule, policy: api.ValidatingAdmissionPolicy) -> None:
        name = policy_name(rule)
        api.ValidatingAdmissionPolicyBinding(
            name,
            metadata=self.metadata(name, part="binding"),
            spec=api.ValidatingAdmissionPolicyBindingSpecArgs(policy_name=name, validation_actions=actions(rule, self.environment)),
            opts=self.options(policy),
        )


def policy_name(rule: ObjectRule) -> str:
    """Return the name of the rule's policy and of its binding."""
    return f"sandtable-{rule.id}"


def actions(rule: ObjectRule, environment: Environment) -> list[str]:
    """Return the actions on a breach of ``rule``: the environment's mode, but never stricter than the rule itself."""
    mode = environment.admission.mode
    return ["Warn" if mode == "deny" and rule.severity == "warn" else mode.capitalize()]


def _resources(kind: Kind) -> tuple[str, ...]:
    """The resource, and the subresources that carry the whole object (`scale` has neither labels nor pods)."""
    return (kind.resource, "pods/ephemeralcontainers") if kind == KINDS["Pod"] else (kind.resource,)


def policy_spec(rule: ObjectRule) -> api.ValidatingAdmissionPolicySpecArgs:
    """Return the policy that evaluates ``rule``."""
    kinds = [KINDS[kind] for kind in rule.kinds]
    return api.ValidatingAdmissionPolicySpecArgs(
        # An expression that fails to evaluate denies: a rule that fails open is switched off.
        failure_policy="Fail",
        match_constraints=api.MatchResourcesArgs(
            match_policy="Equivalent",
            namespace_selector=k8s.meta.v1.LabelSelectorArgs(
                match_expressions=[
                    k8s.meta.v1.LabelSelectorRequirementArgs(
                        key="kubernetes.io/metadata.name", operator="NotIn", values=list(EXEMPT_NAMESPACES)
                    )
                ]
            ),
            resource_rules=[
                api.NamedRuleWithOperationsArgs(
                    api_groups=[group],
                    api_versions=[version],
                    resources=[name for kind in kinds if (kind.group, kind.version) == (group, version) for name in _resources(kind)],
                    operations=["CREATE", "UPDATE"],
                    scope="*",
                )
                for group, version in dict.fromkeys((kind.group, kind.version) for kind in kinds)
            ],
        ),
        match_conditions=[
            api.MatchConditionArgs(
                name="not-made-by-a-controller",
                expression=f"!(request.userInfo.username in [{', '.join(repr(name) for name in _CONTROLLERS)}])",
            )
        ],
        variables=[api.VariableArgs(name=variable.name, expression=variable.expression) for variable in rule.all_variables],
        validations=[
            api.ValidationArgs(
                expression=rule.admission_expression,
                message=rule.message,
                message_expression=rule.messageExpression,
                reason="Forbidden",
            )
        ],
    )
