"""The verdict on a release: ship, hold or inconclusive, with the reasons.

One function judges thresholds, measurement, prediction, policies, costs and the kept baseline. Rules:
1. A finding that denies holds the release; so does a threshold broken by the line that decides it; so does a regression. Bad news is
   never outvoted by a missing measurement.
2. Of the lines of one threshold exactly one decides: the measurement's. Without a measurement it is the prediction's, and then the
   verdict is at most inconclusive. A measurement that does not count leaves the threshold open, and so does the prediction beside it:
   what disturbed the load disturbed the calibration.
3. An interval on both sides of the limit decides nothing (``holds`` is None); neither does a figure of too few samples, nor a run
   that its own gate calls invalid. What too few samples leave undecided is that figure alone: a share of failures still decides. A
   limit of no failure at all is about this very run, because no sample is large enough to say it of the next.
4. A measurement without one good request is at best inconclusive, whatever the thresholds are. So is one of which nothing is asked, and
   one with failures where no threshold says how many there may be.
5. A cost with nodes that have no price is an "at least": it can break a limit, and keep none.
6. Where prediction and measurement disagree about a threshold, one of the two is wrong: inconclusive.

Whoever shows a verdict takes these values as they are and derives nothing again.
"""

from policies.verdict.evidence import Cause, Evidence, Reason, Result, Verdict
from policies.verdict.judging import judge
from policies.verdict.thresholds import Judgement

__all__ = ["Cause", "Evidence", "Judgement", "Reason", "Result", "Verdict", "judge"]
