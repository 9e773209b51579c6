"""The router by complexity, on questions that its weights were not set on, and under noise that does not change what is asked.

Both sets were written by hand by the router's author, so they say how well the rule holds for its definition of the three classes, not how
real traffic is spread over them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from foundation.dialects.model.content import Text
from foundation.dialects.model.request import ChatRequest, Message, Tool
from workloads.gateway.routing.complexity import classify, name_of, score_of

HELD_OUT = Path(__file__).parent / "complexity-held-out.tsv"
NAMES = ("simple", "medium", "complex")


def rows(path: Path = HELD_OUT) -> list[tuple[str, str]]:
    return [(label, text) for label, _, text in (line.partition("\t") for line in path.read_text(encoding="utf-8").splitlines())]


def macro_f1(pairs: list[tuple[str, str]]) -> float:
    counts = Counter(pairs)
    scores = []
    for name in NAMES:
        both = sum(count for (label, chosen), count in counts.items() for one in (label, chosen) if one == name)
        scores.append(2 * counts[name, name] / both if both else 0.0)
    return sum(scores) / len(scores)


def chosen(text: str) -> str:
    return name_of(score_of(text)[0])


def test_macro_f1_on_held_out_questions() -> None:
    pairs = [(label, chosen(text)) for label, text in rows()]
    assert len(pairs) == 120
    assert macro_f1(pairs) >= 0.85
    assert max(macro_f1([(label, name) for label, _ in pairs]) for name in NAMES) < 0.2, "a constant router fails"


def test_no_question_is_in_both_sets() -> None:
    training = Path("workloads/gateway/routing/complexity-training.tsv")
    root = Path(__file__).parents[3]
    assert not {text for _, text in rows(root / training)} & {text for _, text in rows()}


def swapped_letters(text: str, random: Random) -> str:
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) > 4]
    if long:
        index = random.choice(long)
        at = random.randrange(1, len(words[index]) - 2)
        word = words[index]
        words[index] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


NOISE: list[Callable[[str, Random], str]] = [
    lambda text, _: text.lower(),
    lambda text, _: text.upper(),
    lambda text, _: "  " + text.replace(" ", "  ") + "\n",
    lambda text, _: text.rstrip("?.!"),
    lambda text, _: f"{text} Thank you!",
    lambda text, _: f"Please help me. {text}",
    lambda text, _: f"Quick question - {text}",
    lambda text, _: f"Could you answer this for me: {text}",
    lambda text, _: f"I need this today: {text}",
    lambda text, _: text.replace("'", "’").replace('"', "“"),  # noqa: RUF001
    swapped_letters,
    swapped_letters,
]


def test_choices_stay_put_under_paraphrase_and_noise() -> None:
    random = Random(7)
    kept = [chosen(noise(text, random)) == chosen(text) for _, text in rows() for noise in NOISE]
    assert len(kept) == 1440
    assert sum(kept) / len(kept) >= 0.95


def test_the_request_around_the_question_counts_and_the_reason_says_so() -> None:
    plain = ChatRequest("auto", [Message("user", [Text("What is the capital of Portugal?")])])
    level = classify(plain)
    assert (level.name, level.reason) == ("simple", "short question")
    plain.tools = [Tool(f"t{number}") for number in range(8)]
    plain.messages.append(Message("assistant", [Text("Lisbon")]))
    plain.messages.append(Message("user", [Text("Prove that it is, step by step")]))
    level = classify(plain)
    assert level.name == "complex"
    assert "8 tools" in level.reason
