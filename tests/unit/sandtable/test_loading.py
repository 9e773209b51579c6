"""From a rate to Locust's users."""

from __future__ import annotations

import pytest

from sandtable.loading import Request, locust_users


@pytest.mark.parametrize(
    ("users", "asked", "rate", "expected"),
    [
        (None, None, 6.0, (24, 4.0)),
        (None, 8.0, 8.0, (32, 4.0)),
        (None, 0.1, 0.1, (1, 10.0)),
        (3, None, 6.0, (3, 0.0)),
        (3, 0.5, 0.5, (3, 6.0)),
    ],
    ids=["the environment's rate", "a rate", "a slow rate", "users alone", "users and a rate"],
)
def test_users_and_their_interval_make_the_rate(users: int | None, asked: float | None, rate: float, expected: tuple[int, float]) -> None:
    request = Request(asked, None, None, False, False, users, False, 8089, (), False, True)
    assert locust_users(request, rate) == expected
