"""Series in Prometheus' text format: a job that ends writes them to a file, which the textfile collector or a push reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Sample = tuple[str, Mapping[str, str], float]
"""Name, labels, value."""


def exposition(samples: Iterable[Sample]) -> str:
    r"""Return ``samples`` as gauges, one family after the other.

    >>> print(exposition([("up", {"job": "a"}, 1.0)]), end="")
    # TYPE up gauge
    up{job="a"} 1
    """
    families: dict[str, list[str]] = {}
    for name, labels, value in samples:
        written = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        families.setdefault(name, []).append(f"{name}{{{written}}} {value:.9g}")
    return "".join(f"# TYPE {name} gauge\n" + "".join(f"{line}\n" for line in lines) for name, lines in families.items())


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
