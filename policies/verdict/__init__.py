"""The verdict on a release: ship, hold or inconclusive, with the reasons.

One function judges thresholds, measurement, prediction, policies, costs and the saved baseline. Rules:
1. A finding that denies holds the release; so does a threshold broken by its deciding line; so does a regression. A missing measurement
   never outweighs a known failure.
2. Exactly one line of each threshold decides: the measurement's. Without a measurement it is the prediction's, and then the verdict is at
   best inconclusive. An invalid measurement leaves the threshold open, and so does the prediction beside it: whatever disturbed the load
   disturbed the calibration. What a job found whatever time it took, such as the accuracy of its model, counts all the same.
3. An interval that straddles the limit decides nothing (``holds`` is None); neither does a figure from too few samples, nor a run that its
   own validity gate rejects. Too few samples leave only that figure undecided: the share of failures still decides. A limit of zero
   failures is about this run only, because no sample is large enough to prove it for the next.
4. A measurement without a single successful request is at best inconclusive, whatever the thresholds are. So is one without any threshold,
   and one with failures if no threshold limits them.
5. A cost with unpriced nodes is a lower bound: it can break a limit, but never prove that it is met.
6. If prediction and measurement disagree about a threshold, one of the two is wrong: inconclusive. If they are far apart and agree about
   every threshold, the release is decided whichever of them is wrong; a reason that decides nothing says not to rely on the twin (ADR 46).

Reports show these values as they are and derive nothing of their own.
"""

from policies.verdict.evidence import Cause, Evidence, Reason, Result, Verdict
from policies.verdict.judging import judge
from policies.verdict.thresholds import Judgement

__all__ = ["Cause", "Evidence", "Judgement", "Reason", "Result", "Verdict", "judge"]
