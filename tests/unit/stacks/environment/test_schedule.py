"""Schedules as Kubernetes' API server takes them."""

from __future__ import annotations

import pytest

from stacks.environment.schedule import problem


@pytest.mark.parametrize(
    "text",
    [
        "0 1 * * *",
        "*/15 * * * *",
        "0 8-18/2 * * mon-fri",
        "30 4 1,15 JAN,jul ?",
        "59 23 31 12 6",
        "@daily",
        "  0   1 * * *",
    ],
)
def test_what_the_api_server_takes(text: str) -> None:
    assert problem(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("every day", "five fields are expected"),
        ("", "five fields are expected"),
        ("0 1 * * * *", "five fields are expected"),
        ("@every 1h", "five fields are expected"),
        ("60 1 * * *", "minute '60' is not within 0 to 59"),
        ("0 25 * * *", "hour '25' is not within 0 to 23"),
        ("0 1 0 * *", "day of the month '0' is not within 1 to 31"),
        ("0 1 * 13 *", "month '13' is not within 1 to 12"),
        ("0 1 * * 7", "day of the week '7' is not within 0 to 6"),
        ("0 1 * * funday", "day of the week 'funday' is not within"),
        ("0 18-8 * * *", "hour '18-8' ends before it begins"),
        ("*/0 1 * * *", "minute '*/0' is not"),
        ("0 1,,2 * * *", "hour '' is not"),
        ("-1 1 * * *", "minute '-1' is not"),
    ],
)
def test_what_it_refuses_is_said_in_words(text: str, words: str) -> None:
    assert words in str(problem(text))
