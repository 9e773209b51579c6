"""Judges: rules over a graph, and the verdict over thresholds, predictions and measurements.

``check`` says how a graph breaks the rules; ``assess`` also says which rules could not be judged, and why. Rules over single objects
are data (``policies/admission``), rules over a whole stack are Python (``policies/stack``).
"""

from policies.assessment import assess, check
from policies.errors import PolicyError, RuleExpressionError
from policies.findings import Assessment, Finding, NotApplicable, counted

__all__ = ["Assessment", "Finding", "NotApplicable", "PolicyError", "RuleExpressionError", "assess", "check", "counted"]
