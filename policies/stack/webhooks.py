"""``webhooks-say-how-they-fail``: every admission webhook states what happens while it is down.

Not a rule over single objects, because the API server defaults both fields before it evaluates its policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.stack.examples import Manifest
from policies.stack.rule import Breach, Situation, StackExample, StackRule


def _judge(situation: Situation) -> Iterator[Breach]:
    for resource in situation.graph.objects("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for webhook in resource.inputs.get("webhooks") or ():
            if missing := [key for key in ("failurePolicy", "timeoutSeconds") if key not in webhook]:
                yield Breach(f"webhook {webhook.get('name')} does not say {' and '.join(missing)}", resource)


def _webhook(**fields: Any) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "injector"},
        "webhooks": [{"name": "injector.example.dev", "sideEffects": "None", "admissionReviewVersions": ["v1"], **fields}],
    }


WEBHOOKS_SAY_HOW_THEY_FAIL: Final = StackRule(
    id="webhooks-say-how-they-fail",
    title="Admission webhooks state `failurePolicy` and `timeoutSeconds`",
    reason="By default a webhook that is down refuses every object it matches, after ten seconds each: the whole cluster stands still.",
    fix="Write both: `Fail` with a scope that cannot lock out its own repair, or `Ignore` where admission must go on; a few seconds.",
    severity="warn",
    judge=_judge,
    passing=(StackExample("both said", (_webhook(failurePolicy="Ignore", timeoutSeconds=5),)),),
    failing=(StackExample("left to the default", (_webhook(failurePolicy="Fail"),)),),
)
