"""The next word of this project's own prose, ``prose.txt``: paragraphs of its documentation.

A record is a pair of neighbouring words, one-hot, and the word that follows. The linear hidden layer is the embedding of both. Labels are
words of the vocabulary only; rare words appear in the context as one unknown word.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np

from workloads.federation.models.network import Network
from workloads.federation.tasks.task import Task, split

_VOCABULARY: Final = 120
_EMBEDDING: Final = 16
_WORD: Final = re.compile(r"[a-z]+")


def next_word(seed: int) -> Task:
    """Return the task; the classes are the most frequent words."""
    words = _WORD.findall(Path(__file__).with_name("prose.txt").read_text(encoding="utf-8").lower())
    frequent = sorted(Counter(words).most_common(), key=lambda each: (-each[1], each[0]))[:_VOCABULARY]
    numbers = {word: number for number, (word, _) in enumerate(frequent)}
    text = np.array([numbers.get(word, _VOCABULARY) for word in words], dtype=np.int64)
    positions = np.flatnonzero(text[2:] < _VOCABULARY) + 2
    width = _VOCABULARY + 1
    x = np.zeros((len(positions), 2 * width))
    x[np.arange(len(positions)), text[positions - 2]] = 1
    x[np.arange(len(positions)), width + text[positions - 1]] = 1
    training, test = split(x, text[positions], seed)
    return Task("next-word", Network((2 * width, _EMBEDDING, _VOCABULARY), "identity"), training, test)
