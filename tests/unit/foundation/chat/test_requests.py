"""What a load sends."""

from __future__ import annotations

import json

from foundation.chat import ChatRequests, prompt_text
from foundation.wire import Target
from stacks.traffic import PlannedRequest


def test_a_prompt_has_one_character_a_token_and_its_own_beginning() -> None:
    filler = "lorem ipsum " * 10
    texts = [prompt_text(index, tokens, filler) for index, tokens in ((0, 1), (1, 1), (35, 1), (36, 300), (37, 300), (72, 4))]
    assert [len(text) for text in texts] == [1, 1, 1, 300, 300, 4]
    assert len({text[:2] for text in texts}) == len(texts)
    assert all(text.isascii() for text in texts)
    assert len({prompt_text(index, 50, filler)[0] for index in range(360, 396)}) == 36


def test_the_request_is_whole_and_plain_openai_on_demand() -> None:
    target, planned = Target.parse("http://127.0.0.1:8080"), PlannedRequest(3, 0.0, 20, 5)
    raw = ChatRequests(model="m", api_key="k", seed=1).encode(planned, target)
    head, _, body = raw.partition(b"\r\n\r\n")
    document = json.loads(body)
    assert b"Content-Length: %d" % len(body) in head
    assert b"authorization: Bearer k" in head
    assert b"\r\nAccept-Encoding: identity\r\n" in head
    assert (document["max_tokens"], len(document["messages"][0]["content"]), document["cache_prompt"]) == (5, 20, False)
    plain = json.loads(ChatRequests(model="m", engine_options=False).body(planned))
    assert set(plain) == {"model", "messages", "max_tokens", "stream", "stream_options"}
    picked = json.loads(ChatRequests(model="m", seed=1).body(planned, {"id_slot": 2}))
    assert picked == document | {"id_slot": 2, "model": "m"}
    assert ChatRequests(model="m", seed=2).body(planned) != ChatRequests(model="m", seed=1).body(planned)
