"""Closed forms for checkpoints of a job whose failures come from a Poisson process."""

from __future__ import annotations

import math


def young_interval_s(checkpoint_s: float, mtbf_s: float) -> float:
    """Return the work between two checkpoints that is lost least to both: √(2 d M).

    J. W. Young, A First Order Approximation to the Optimum Checkpoint Interval, CACM 17 (1974) 530.

    >>> round(young_interval_s(60, 10_800), 1)
    1138.4
    """
    return math.sqrt(2 * checkpoint_s * mtbf_s)


def daly_wall_s(work_s: float, interval_s: float, checkpoint_s: float, restart_s: float, mtbf_s: float) -> float:
    """Return the mean time to finish ``work_s`` with a checkpoint after every ``interval_s`` of work.

    Failures may strike during work, checkpoints and restarts (J. T. Daly, A Higher Order Estimate of the Optimum Checkpoint Interval for
    Restart Dumps, FGCS 22 (2006) 303, equation 13).

    >>> round(daly_wall_s(54 * 86_400, 1138, 60, 300, 3.093 * 3600) / 3600, 1)
    1479.8
    """
    return mtbf_s * math.exp(restart_s / mtbf_s) * math.expm1((interval_s + checkpoint_s) / mtbf_s) * work_s / interval_s


def daly_interval_s(checkpoint_s: float, mtbf_s: float) -> float:
    """Return the work between two checkpoints that minimises :func:`daly_wall_s`, to a thousandth.

    The minimum solves (1 - τ/M) e^{(τ+d)/M} = 1, found by bisection; the restart does not move it.
    """
    low, high = 0.0, mtbf_s
    while high - low > 1e-3 * mtbf_s * 1e-3:
        middle = (low + high) / 2
        if (1 - middle / mtbf_s) * math.exp((middle + checkpoint_s) / mtbf_s) > 1:
            low = middle
        else:
            high = middle
    return (low + high) / 2
