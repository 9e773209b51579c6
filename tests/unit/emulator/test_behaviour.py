"""What the emulated providers say, refuse and suffer, without a socket."""

from __future__ import annotations

from random import Random

import pytest

from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.model.answer import StopReason
from foundation.dialects.model.content import Text, ToolCall
from foundation.dialects.model.errors import ErrorKind
from foundation.dialects.model.request import ChatRequest, Message, OutputFormat, Tool, ToolChoice
from foundation.dialects.paths import Route, route_of
from workloads.emulator.behaviour.faults import CATALOGUE, Fault, FaultState, parse_fault
from workloads.emulator.behaviour.profile import PROFILES, Profile, load_profile
from workloads.emulator.behaviour.rate_limits import RateLimits
from workloads.emulator.behaviour.refusals import refusal
from workloads.emulator.behaviour.script import Script, prompt_tokens
from workloads.emulator.behaviour.timing import Timing
from workloads.emulator.errors import ProfileError


def asked(text: str, **fields: object) -> ChatRequest:
    return ChatRequest("m", [Message("user", [Text(text)])], **fields)  # type: ignore[arg-type]


def test_the_same_request_has_the_same_answer() -> None:
    script = Script(PROFILES["typical"], seed=1)
    one, two = (script.answer(asked("why"), dialect="openai", number=3) for _ in range(2))
    assert one == two
    assert Script(PROFILES["typical"], seed=2).answer(asked("why"), dialect="openai", number=3) != one


def test_counts_add_up_and_a_limit_cuts_the_answer() -> None:
    answer = Script(PROFILES["instant"], 0).answer(asked("x" * 400, max_output_tokens=5), dialect="openai", number=1)
    (part,) = answer.parts
    assert isinstance(part, Text)
    assert (len(part.text.split(" ")), answer.stop) == (5, StopReason.MAX_TOKENS)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (100, 5)


def test_tools_are_called_in_parallel_and_with_arguments_of_their_schema() -> None:
    tool = Tool(
        "f", "", {"type": "object", "properties": {"n": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}}
    )
    answer = Script(PROFILES["instant"], 0).answer(
        asked("parallel", tools=[tool], tool_choice=ToolChoice("required")), dialect="openai", number=1
    )
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert len({call.id for call in calls}) == len(calls) == 2
    arguments = json_bytes.decode(calls[0].arguments)
    assert isinstance(arguments["n"], int)
    assert isinstance(arguments["tags"][0], str)


def test_structured_output_has_the_shape_that_was_asked_for() -> None:
    form = OutputFormat({"type": "object", "properties": {"ok": {"type": "boolean"}}})
    answer = Script(PROFILES["instant"], 0).answer(asked("x", output_format=form), dialect="openai", number=1)
    assert isinstance(answer.parts[0], Text)
    assert json_bytes.decode(answer.parts[0].text) == {"ok": True}


def test_a_long_prompt_that_comes_again_is_partly_cached() -> None:
    script = Script(PROFILES["instant"], 0)
    usages = [script.answer(asked("long " * 2000), dialect="openai", number=n).usage for n in (1, 2)]
    assert usages[0].cache_read_tokens == 0
    assert usages[1].cache_read_tokens > 0
    assert usages[0].prompt_tokens == usages[1].prompt_tokens == prompt_tokens(asked("long " * 2000))


def test_anthropic_writes_to_the_cache_only_what_is_marked() -> None:
    script = Script(PROFILES["instant"], 0)
    request = ChatRequest("m", [Message("user", [Text("long " * 2000, {"type": "ephemeral", "ttl": "1h"})])])
    first, second = (script.answer(request, dialect="anthropic", number=n).usage for n in (1, 2))
    assert (first.cache_write_1h_tokens, first.cache_read_tokens) == (2500, 0)
    assert second.cache_read_tokens == 2432
    assert script.answer(asked("long " * 2000), dialect="anthropic", number=3).usage.cache_read_tokens == 0


def test_there_are_sixteen_faults_by_number_and_by_name() -> None:
    assert len(CATALOGUE) == 16
    for number, fault in enumerate(CATALOGUE, 1):
        for text in (f"s{number:02d}", fault.value):
            plan = parse_fault(text)
            assert plan is not None
            assert plan.fault is fault
    assert parse_fault("s17") is parse_fault("wizard") is parse_fault("") is parse_fault("200") is None


def test_faults_that_happen_once_twice_or_for_a_while() -> None:
    state = FaultState()

    def struck(text: str, times: list[float]) -> list[bool]:
        plan = parse_fault(text)
        assert plan is not None
        return [state.strikes(plan, "p", now) for now in times]

    assert struck("error-once", [0, 1, 2]) == [True, False, False]
    assert struck("rate-limit", [0, 1, 2, 3]) == [True, True, False, True]
    assert struck("outage=60", [100, 159, 161]) == [True, True, False]
    assert struck("unavailable", [0, 1]) == [True, True]
    state.reset()
    assert struck("error-once", [5]) == [True]


def test_limits_refuse_refill_and_are_shown_as_each_provider_shows_them() -> None:
    limits = RateLimits(Profile(requests_per_min=2, input_tokens_per_min=1000))
    assert limits.take(input_tokens=10, output_tokens=1, now_s=0.0) is None
    assert limits.take(input_tokens=10, output_tokens=1, now_s=0.0) is None
    refused = limits.take(input_tokens=10, output_tokens=1, now_s=0.0)
    assert refused is not None
    assert (refused.limit, refused.retry_after_s) == ("requests", pytest.approx(30.0, abs=0.01))
    assert limits.headers("anthropic")["anthropic-ratelimit-requests-remaining"] == "0"
    assert limits.headers("openai")["x-ratelimit-limit-requests"] == "2"
    assert limits.headers("gemini") == {}
    assert limits.take(input_tokens=10, output_tokens=1, now_s=31.0) is None


def test_the_current_version_of_anthropic_refuses_a_temperature() -> None:
    headers = {"authorization": "Bearer k", "anthropic-version": "2026-10-21"}
    refused = refusal("anthropic", headers, {"temperature": 1.0}, "")
    assert refused is not None
    assert refused.kind is ErrorKind.INVALID_REQUEST
    assert refusal("anthropic", {**headers, "anthropic-version": "2023-06-01"}, {"temperature": 1.0}, "") is None
    assert refusal("openai", {}, {}, "") is not None


def test_load_makes_the_first_token_wait() -> None:
    profile = Profile(ttft_ms=100, ttft_sigma=0, slots=4, prompt_tokens_per_s=1e12)
    waits = [Timing(profile, Random(0), prompt_tokens=0, in_hand=load).first_token_s for load in (0, 4)]
    assert waits == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/messages", Route("anthropic", "anthropic", "chat")),
        ("/eu/v1/chat/completions", Route("eu", "openai", "chat")),
        ("/v1beta/models/g:streamGenerateContent", Route("gemini", "gemini", "chat", "g", True)),
        ("/us/v1/models/g+s08:generateContent", Route("us", "gemini", "chat", "g+s08", False)),
        ("/api/chat", Route("ollama", "ollama", "chat")),
        ("/nothing", None),
        ("/", None),
    ],
)
def test_paths(path: str, route: Route | None) -> None:
    assert route_of(path) == route


def test_a_wrong_profile_says_where(tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "p.json"
    file.write_text('{"ttft_ms": "fast"}')
    with pytest.raises(ProfileError, match="ttft_ms"):
        load_profile(str(file))
    with pytest.raises(ProfileError, match="instant, typical"):
        load_profile("nothing-like-it")


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.STATUS])
@pytest.mark.parametrize("name", DIALECTS)
def test_every_error_of_a_fault_can_be_said_on_every_wire(name: str, fault: Fault) -> None:
    from workloads.emulator.behaviour.refusals import struck

    plan = parse_fault(fault.value)
    assert plan is not None
    if (error := struck(plan, name)) is not None:
        status, headers, document = DIALECTS[name].encode_error(error)
        back = DIALECTS[name].decode_error(status, headers, json_bytes.encode(document), now_s=0)
        assert back.kind is error.kind
