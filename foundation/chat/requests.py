"""The requests of a load: streamed chat completions of planned lengths.

Rule 1: a prompt of n tokens is n ASCII characters, because the tokenizer of the engine under test has one token per byte.
Rule 2: no two prompts of a run share a prefix, so that a prefix cache cannot reduce the planned work.
Rule 3: fields outside the OpenAI API (``ignore_eos``, ``cache_prompt``) are sent to our own engines only.
"""

from __future__ import annotations

import json
from random import Random
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, Final, Protocol

from foundation.dialects.credentials import key_header
from foundation.wire.request import encode_post

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foundation.wire.target import Target

_FILLER_LENGTH: Final = 16_381  # prime: prompts take the filler from different offsets for a long time before they repeat
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def filler(seed: int) -> str:
    """Return the text that the prompts of a run are cut from."""
    random = Random(f"{seed}/filler")  # noqa: S311  # a plan wants repeatable texts
    return "".join(random.choices(ascii_lowercase + " " * 5, k=_FILLER_LENGTH))


def prompt_text(index: int, tokens: int, filler: str) -> str:
    """Return the prompt of request ``index``: ``tokens`` ASCII characters, the index first with its fastest digit in front."""
    digits = ""
    rest = index
    while True:
        rest, digit = divmod(rest, 36)
        digits += _DIGITS[digit]
        if not rest:
            break
    start = index * 7919 % len(filler)
    head = f"{digits} {filler[start : start + tokens]}"
    while len(head) < tokens:
        head += filler[: tokens - len(head)]
    return head[:tokens]


def key_line(wire: str, api_key: str | None) -> str:
    """Return the line of a request's head that carries the key; empty without one."""
    return "{}: {}\r\n".format(*key_header(wire, api_key)) if api_key else ""


class Question(Protocol):
    """The parameters of a request: its number in the run, and the lengths of prompt and response in tokens.

    ``text`` is the number of its text; None: its own.
    """

    @property
    def index(self) -> int: ...  # noqa: D102
    @property
    def prompt_tokens(self) -> int: ...  # noqa: D102
    @property
    def output_tokens(self) -> int: ...  # noqa: D102
    @property
    def text(self) -> int | None: ...  # noqa: D102


def text_number(request: Question) -> int:
    """Return the number of the text of ``request``."""
    return request.index if request.text is None else request.text


class ChatRequests:
    """Builds the requests of one run. ``seed`` picks the text; ``engine_options`` adds the fields of Rule 3.

    ``exact_length``: requests ask for exactly the planned number of tokens.
    """

    def __init__(self, *, model: str, api_key: str | None = None, seed: int = 0, engine_options: bool = True) -> None:
        self.exact_length = engine_options
        self._filler = filler(seed)
        options: dict[str, Any] = {"temperature": 0, "ignore_eos": True, "cache_prompt": False} if engine_options else {}
        # Everything but the prompt and the response length is the same in each request, and encoded once.
        self._before = f'{{"model":{json.dumps(model)},"messages":[{{"role":"user","content":"'
        self._between = '"}],"max_tokens":'
        self._after = json.dumps({"stream": True, "stream_options": {"include_usage": True}, **options}, separators=(",", ":"))[1:]
        self._headers = key_line("openai", api_key)

    def body(self, request: Question, fields: Mapping[str, Any] | None = None) -> bytes:
        """Return the JSON document for ``request``, with more ``fields``. Prompts are letters, digits and spaces: JSON as they are."""
        text = prompt_text(text_number(request), request.prompt_tokens, self._filler)
        more = f"{json.dumps(fields)[1:-1]}," if fields else ""
        return f"{self._before}{text}{self._between}{request.output_tokens},{more}{self._after}".encode()

    def encode(self, request: Question, target: Target, fields: Mapping[str, Any] | None = None) -> bytes:
        """Return the whole HTTP request."""
        return encode_post(target, self.body(request, fields), headers=self._headers)
