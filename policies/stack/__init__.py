"""Rules over a whole stack: properties that no single object can show.

One rule per file. Each reads a graph (and, if needed, the environment and a price book), so it works on anybody's stack or manifests, and
reports what it cannot judge and why. Each carries tiny stacks that comply with it and break it, for the tests and the reference page.
"""

from __future__ import annotations

from typing import Final

from policies.stack.autoscaling import AUTOSCALERS_KEEP_TWO_IN_PROD
from policies.stack.budget import BUDGET_NOT_EXCEEDED
from policies.stack.capacity import PODS_FIT_A_POOL
from policies.stack.config_maps import NO_SECRETS_IN_CONFIG_MAPS
from policies.stack.disruption import DISRUPTION_BUDGETS_IN_PROD
from policies.stack.network import EVERY_NAMESPACE_DEFAULT_DENY
from policies.stack.prices import GPU_MODELS_ARE_PRICED
from policies.stack.quantities import QUANTITIES_ARE_LEGAL
from policies.stack.quorum import QUORUM_IS_ODD
from policies.stack.regions import DATA_IN_ALLOWED_REGIONS
from policies.stack.rule import Breach, NotApplicableError, Situation, StackExample, StackRule, Unjudged
from policies.stack.webhooks import WEBHOOKS_SAY_HOW_THEY_FAIL

__all__ = ["STACK_RULES", "Breach", "NotApplicableError", "Situation", "StackExample", "StackRule", "Unjudged"]

#: Every rule over a whole stack, ordered by id.
STACK_RULES: Final[tuple[StackRule, ...]] = tuple(
    sorted(
        (
            AUTOSCALERS_KEEP_TWO_IN_PROD,
            BUDGET_NOT_EXCEEDED,
            DATA_IN_ALLOWED_REGIONS,
            DISRUPTION_BUDGETS_IN_PROD,
            EVERY_NAMESPACE_DEFAULT_DENY,
            GPU_MODELS_ARE_PRICED,
            NO_SECRETS_IN_CONFIG_MAPS,
            PODS_FIT_A_POOL,
            QUANTITIES_ARE_LEGAL,
            QUORUM_IS_ODD,
            WEBHOOKS_SAY_HOW_THEY_FAIL,
        ),
        key=lambda rule: rule.id,
    )
)
