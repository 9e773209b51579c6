"""The rules over a graph, and the verdict on thresholds, predictions and measurements.

``check`` returns a graph's violations; ``assess`` also returns the rules that could not be evaluated, and why. Rules over single objects
are data (``policies/admission``), rules over a whole stack are Python (``policies/stack``).
"""

from policies.assessment import assess, check
from policies.errors import PolicyError, RuleExpressionError
from policies.findings import Assessment, Finding, NotApplicable, counted

__all__ = ["Assessment", "Finding", "NotApplicable", "PolicyError", "RuleExpressionError", "assess", "check", "counted"]
