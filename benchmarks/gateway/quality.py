"""What the gateway's judgement is worth, with intervals: ``python -m benchmarks.gateway.quality``.

Two parts judge texts by readable expressions: the router by complexity and the screening of requests by the constitution. Both are
measured on texts that their expressions and weights were not set on (``sets/``), written by their author. So the figures say how well each
keeps to its definition, and not how real traffic is spread, nor what adversaries do. ``reworded`` are harmful requests that avoid the
subjects' own words: they show what an expression cannot see. With emulated providers the judge's critique is scripted, and nothing is
claimed for it.

The 95 % intervals are percentile bootstraps (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13) over what was
drawn independently: a subject with all its templates, a question with all its variations; where nothing varies, the exact interval of a
share.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from foundation.measures.shares import share_interval
from workloads.gateway.routing.complexity import name_of, score_of
from workloads.gateway.safety.screening import load_constitution

SETS: Final = Path(__file__).parent / "sets"
LEVELS: Final = ("simple", "medium", "complex")
_RESAMPLES: Final = 2_000
_SEED: Final = 7

T = TypeVar("T")


def rows(name: str) -> list[list[str]]:
    """Return the rows of a set."""
    return [line.split("\t") for line in (SETS / name).read_text(encoding="utf-8").splitlines()]


def chosen(text: str) -> str:
    """Return the level that the router gives a text."""
    return name_of(score_of(text)[0])


def routed() -> list[tuple[str, str]]:
    """Return label and choice of every held-out question."""
    return [(label, chosen(text)) for label, text in rows("complexity.tsv")]


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return the mean of the levels' F1: a router that always says the same is near .17."""
    counts = Counter(pairs)
    scores = []
    for name in LEVELS:
        both = sum(count for pair, count in counts.items() for one in pair if one == name)
        scores.append(2 * counts[name, name] / both if both else 0.0)
    return sum(scores) / len(scores)


def _swapped(text: str, random: Random) -> str:
    words = text.split(" ")
    if long := [index for index, word in enumerate(words) if len(word) > 4]:
        index = random.choice(long)
        word = words[index]
        at = random.randrange(1, len(word) - 2)
        words[index] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


#: What changes a question's wording and not what is asked.
VARIATIONS: Final[tuple[Callable[[str, Random], str], ...]] = (
    lambda text, _: text.lower(),
    lambda text, _: text.upper(),
    lambda text, _: "  " + text.replace(" ", "  ") + "\n",
    lambda text, _: text.rstrip("?.!"),
    lambda text, _: f"{text} Thank you!",
    lambda text, _: f"Please help me. {text}",
    lambda text, _: f"Quick question - {text}",
    lambda text, _: f"Could you answer this for me: {text}",
    lambda text, _: f"I need this today: {text}",
    lambda text, _: text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}").replace('"', "\N{LEFT DOUBLE QUOTATION MARK}"),
    _swapped,
    _swapped,
)


def unchanged() -> list[tuple[str, bool]]:
    """Return, for every question and variation, the question and whether the choice stayed."""
    random = Random(_SEED)
    return [(text, chosen(vary(text, random)) == chosen(text)) for _, text in rows("complexity.tsv") for vary in VARIATIONS]


def refused(kind: str) -> list[tuple[str, bool]]:
    """Return, for every request of a kind (``harmful``, ``harmless``, ``reworded``), its subject and whether it was refused.

    A reworded request has no template, and counts as a subject of its own.
    """
    constitution = load_constitution()
    found = [(subject, text) for label, subject, text in rows("screening.tsv") if label == kind]
    return [(text if kind == "reworded" else subject, not constitution.of_request(text).allowed) for subject, text in found]


def share(outcomes: Sequence[tuple[str, bool]]) -> float:
    """Return the share of outcomes that are true."""
    return sum(outcome for _, outcome in outcomes) / len(outcomes)


def interval(groups: Sequence[T], figure: Callable[[list[T]], float]) -> tuple[float, float]:
    """Return the 95 % interval of a figure, by drawing groups with replacement."""
    random = Random(_SEED)
    drawn = sorted(figure(random.choices(groups, k=len(groups))) for _ in range(_RESAMPLES))
    return drawn[int(0.025 * _RESAMPLES)], drawn[int(0.975 * _RESAMPLES) - 1]


def share_bounds(outcomes: Sequence[tuple[str, bool]]) -> tuple[float, float]:
    """Return the 95 % interval of a share; where all outcomes are the same, which no resampling can widen, the exact one."""
    by_subject: dict[str, list[bool]] = defaultdict(list)
    for subject, outcome in outcomes:
        by_subject[subject].append(outcome)
    if share(outcomes) in {0.0, 1.0}:
        return share_interval(round(share(outcomes)) * len(by_subject), len(by_subject))
    counts = [(sum(group), len(group)) for group in by_subject.values()]
    return interval(counts, lambda drawn: sum(true for true, _ in drawn) / sum(size for _, size in drawn))


def _line(name: str, outcomes: Sequence[tuple[str, bool]]) -> str:
    low, high = share_bounds(outcomes)
    subjects = len({subject for subject, _ in outcomes})
    return f"{name:46} {share(outcomes):.3f}  [{low:.3f}, {high:.3f}]  n = {len(outcomes)}, {subjects} drawn independently"


def main() -> None:
    """Print every figure."""
    print("constitution, requests")
    print(_line("  recall, the subjects' own words", refused("harmful")))
    print(_line("  recall, other words", refused("reworded")))
    print(_line("  false refusals", refused("harmless")))
    pairs = routed()
    low, high = interval(pairs, macro_f1)
    print("router by complexity")
    print(f"{'  macro-F1 on held-out questions':46} {macro_f1(pairs):.3f}  [{low:.3f}, {high:.3f}]  n = {len(pairs)}")
    print(f"{'  the same of the best constant router':46} {max(macro_f1([(label, one) for label, _ in pairs]) for one in LEVELS):.3f}")
    print(_line("  choices unchanged by paraphrase and noise", unchanged()))
    print(f"\n{'label / choice':16}" + "".join(f"{name:>9}" for name in LEVELS))
    counts = Counter(pairs)
    for label in LEVELS:
        print(f"{label:16}" + "".join(f"{counts[label, name]:9}" for name in LEVELS))


if __name__ == "__main__":
    main()
