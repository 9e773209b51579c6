from pathlib import Path

from simulations.validation import check
from simulations.validation.published.serving import conservation


def test_nothing_is_lost_whatever_goes_wrong(tmp_path: Path) -> None:
    result = check(conservation.ROW, tmp_path)
    assert result.verdict == "held", result.reason
    assert any("after 0 preemptions" not in judged.figure.name for judged in result.figures if "blocks held" in judged.figure.name)
