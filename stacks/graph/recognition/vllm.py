"""Containers that run vLLM's OpenAI server, as other people's manifests start them.

Read are the arguments that decide how many requests an engine serves together, how long they may be, and how many GPUs it spans; the others
do not reach the graph.
Forms: the image's own entry point with ``args``, ``vllm serve MODEL``, ``python -m vllm.entrypoints.openai.api_server``, and each of them
as one line for a shell.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from stacks.errors import ConfigurationError

#: vLLM's default of ``--max-num-seqs`` for its server (version 1 engine).
SEQUENCES: Final = 256
#: Assumed where ``--max-model-len`` is missing: vLLM then takes the model's own, which is not in a manifest.
CONTEXT_TOKENS: Final = 8192

_SLOTS, _CONTEXT, _GROUP = "--max-num-seqs", "--max-model-len", "--tensor-parallel-size"
#: Options that also have a short form.
_SHORT: Final = {"-tp": _GROUP}
_NUMBER: Final = re.compile(r"([0-9]{1,9})([kKmM]?)")
_FACTORS: Final = {"": 1, "k": 1000, "K": 1024, "m": 1000**2, "M": 1024**2}


@dataclass(frozen=True, slots=True)
class VllmArguments:
    """``sequences`` requests together, each with up to ``context_tokens`` of prompt and answer, of ``model`` (empty: not named).

    ``group`` is the number of GPUs that share each layer.
    """

    model: str
    sequences: int
    context_tokens: int
    group: int = 1


def vllm_arguments(container: Mapping[str, Any], place: str) -> VllmArguments | None:
    """Return the arguments of a container that runs vLLM; None for any other.

    Raises:
        ConfigurationError: a number of it cannot be read; the text names ``place``.
    """
    words = _words(container)
    if not runs_vllm(container):
        return None
    said = _options(words)
    served = words[words.index("serve") + 1 : words.index("serve") + 2] if "serve" in words else []
    model = said.get("--model") or next((word for word in served if not word.startswith("-")), "")
    context = _number(said, _CONTEXT, CONTEXT_TOKENS, place)
    return VllmArguments(model, _number(said, _SLOTS, SEQUENCES, place), context, _number(said, _GROUP, 1, place))


def runs_vllm(container: Mapping[str, Any]) -> bool:
    """Whether a container runs vLLM's server, by its image or its command."""
    image = str(container.get("image") or "").rpartition("/")[2]
    words = _words(container)
    serves = any(program.rpartition("/")[2] == "vllm" and what == "serve" for program, what in pairwise(words))
    return image.startswith("vllm-openai") or serves or any(word.startswith("vllm.entrypoints") for word in words)


def with_sequences(container: Mapping[str, Any], sequences: int) -> dict[str, Any]:
    """Return the container with another number of requests that it serves together."""
    return _with_option(container, _SLOTS, sequences)


def with_group_size(container: Mapping[str, Any], group: int) -> dict[str, Any]:
    """Return the container with another number of GPUs that share each layer; what it requests stays."""
    return _with_option(container, _GROUP, group)


def _with_option(container: Mapping[str, Any], option: str, value: int) -> dict[str, Any]:
    kept: list[str] = []
    skip = False
    for word in _words(container):
        name = _name(word)
        if not skip and name != option:
            kept.append(word)
        skip = name == option and "=" not in word
    return {**container, "command": kept[:1], "args": [*kept[1:], f"{option}={value}"]}


def _words(container: Mapping[str, Any]) -> list[str]:
    """Return command and arguments word by word; a line for a shell is taken apart."""
    found: list[str] = []
    for word in _texts([container.get("command"), container.get("args")]):
        try:
            found += shlex.split(word, comments=True) if re.search(r"\s", word.strip()) else [word]
        except ValueError:  # an open quotation: the shell would not take it either
            found.append(word)
    return found


def _texts(lists: Iterable[Any]) -> list[str]:
    return [str(word) for words in lists if isinstance(words, list) for word in words]


def _options(words: list[str]) -> dict[str, str]:
    """Return the options with their values; the last one of a name counts."""
    found: dict[str, str] = {}
    for index, word in enumerate(words):
        if (name := _name(word)).startswith("--"):
            _, given, value = word.partition("=")
            following = words[index + 1] if index + 1 < len(words) else ""
            found[name] = value if given else following
    return found


def _name(word: str) -> str:
    """Return the long name of an option; any other word stays."""
    name = word.partition("=")[0]
    return _SHORT.get(name, name.replace("_", "-"))


def _number(said: Mapping[str, str], name: str, default: int, place: str) -> int:
    if name not in said:
        return default
    match = _NUMBER.fullmatch(said[name])
    if match is None or int(match[1]) < 1:
        raise ConfigurationError(f"{place}: {name} is {said[name]!r}; expected a whole number from 1, such as 256 or 32k")
    return int(match[1]) * _FACTORS[match[2]]
