import pytest

from toolchain.versions import VersionRule, numbers


@pytest.mark.parametrize(
    ("rule", "version", "fits"),
    [
        ("", "0.0.1", True),
        ("==1.36", "1.36.3", True),
        ("==1.36", "v1.36.0", True),
        ("==1.36", "1.3.6", False),
        ("==4.25.0", "4.25.1", False),
        (">=1.26", "1.26", True),
        (">=1.26", "1.26.0", True),
        (">=1.26", "1.9.9", False),
        (">=1.35,<1.38", "1.32.4-dispatcher", False),
        (">=1.35,<1.38", "1.37.9", True),
        (">=1.35,<1.38", "1.38.0", False),
        (">3", "3.0.0", False),
        ("<=3", "3.0.0", True),
        (">=120", "156.0.8078.79", True),
    ],
)
def test_a_rule_compares_numbers_part_by_part(rule: str, version: str, fits: bool) -> None:
    assert VersionRule.parse(rule).accepts(version) is fits


def test_a_wrong_rule_names_the_part_that_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"'~=1\.2' is not a comparison"):
        VersionRule.parse(">=1,~=1.2")


def test_a_version_without_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="'devel' is not a version"):
        numbers("devel")
