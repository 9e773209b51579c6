"""What a PromQL expression reads: enough of its grammar to tell the series from everything else."""

from __future__ import annotations

import re
from typing import Final

#: Operators, functions and keywords that rules and dashboards use; a grouping's labels are taken away before.
_WORDS: Final = frozenset(
    {
        *("and", "or", "unless", "bool", "by", "offset"),
        *(
            "avg",
            "avg_over_time",
            "count",
            "delta",
            "histogram_quantile",
            "increase",
            "max",
            "min",
            "rate",
            "scalar",
            "sum",
            "time",
            "vector",
        ),
    }
)
_ASIDE: Final = re.compile(r"\{[^}]*\}|\[[^\]]*\]|offset \w+|\bby \([^)]*\)")
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def series_of(expression: str) -> frozenset[str]:
    """Return the names of the series that ``expression`` reads.

    >>> sorted(series_of('sum by (pod) (rate(errors_total{kind="a"}[5m])) / count(up == 0)'))
    ['errors_total', 'up']
    """
    return frozenset(_NAME.findall(_ASIDE.sub(" ", expression))) - _WORDS
