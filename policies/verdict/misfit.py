"""Whether the prediction describes the environment that was measured at all.

The release is judged by its measurement; this is about the twin, and about what else is asked of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from foundation.measures import no_good_request, too_few_samples
from policies.verdict.thresholds import number

if TYPE_CHECKING:
    from policies.verdict.evidence import Evidence

#: A run counts only if the machine kept within a quarter of its calibrated speed, which is far less than this factor in a median. Beyond
#: it the model lacks something, such as a cache.
_MOST_FACTOR: Final = 2.0


def misfits(evidence: Evidence) -> list[str]:
    """Return why the prediction does not describe what was measured; empty if it does, or if there are not both."""
    predicted, measured = evidence.predicted, evidence.measured
    if predicted is None or measured is None or not evidence.counts or not measured.good:
        return []
    if nothing_good := no_good_request(predicted):
        return [_sentence(f"in it, {nothing_good}, but {measured.good} of {measured.requests} were good")]
    far = []
    for latency in ("ttft_ms", "tpot_ms", "e2e_ms"):
        said, seen = getattr(predicted, latency).p50, getattr(measured, latency).p50
        if said > 0 and seen > 0 and not too_few_samples(measured, f"p50_{latency}"):
            far.append((abs(math.log(said / seen)), f"p50_{latency} was predicted as {number(said)}, measured {number(seen)}", said / seen))
    factor, words, share = max(far, default=(0.0, "", 1.0))
    return [_sentence(f"{words} ({share - 1:+.0%})")] if factor > math.log(_MOST_FACTOR) else []


def _sentence(why: str) -> str:
    return f"the prediction does not describe this environment: {why}; do not rely on answers of what-if or capacity about it"
