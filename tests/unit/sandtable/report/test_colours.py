"""Contrast of text and signs in the light, dark and printed scheme (WCAG 2.2, success criteria 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re

import pytest

from sandtable.report.styles import style


def schemes() -> dict[str, dict[str, str]]:
    light, dark, paper = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", style("colours"), re.DOTALL)
    )
    return {"light": light, "dark": dark, "print": paper}


def luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_the_guideline_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("ground", ["paper", "card", "sunk"])
@pytest.mark.parametrize("ink", ["ink", "muted", "measured", "predicted", "good", "bad", "unsure", "accent"])
def test_text_can_be_read_on_every_ground(scheme: str, ground: str, ink: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("state", ["good", "bad", "unsure"])
def test_the_verdict_can_be_read_on_its_own_ground(scheme: str, state: str) -> None:
    colours = schemes()[scheme]
    for ink in (state, "ink"):
        assert contrast(colours[ink], colours[f"{state}-soft"]) >= 4.5
    assert contrast(colours["card"], colours[state]) >= 4.5  # the sign inside the badge


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("ground", ["paper", "card"])
def test_axes_tiles_and_marks_can_be_seen(scheme: str, ground: str) -> None:
    colours = schemes()[scheme]
    assert contrast(colours["strong"], colours[ground]) >= 3


def test_predicted_and_measured_also_differ_in_their_dashes() -> None:
    charts = str(style("charts"))
    assert re.search(r"\.predicted \{[^}]*stroke-dasharray: 6 4", charts)
    assert not re.search(r"\.chart \.measured \{[^}]*stroke-dasharray", charts)
