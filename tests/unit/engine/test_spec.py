import pytest

from workloads.engine.spec import EngineArgumentError, EngineSpec


def test_what_the_stack_writes_the_engine_reads() -> None:
    spec = EngineSpec("/models/m.gguf", slots=8, context_tokens=2048, threads=4, port=9000)
    assert EngineSpec.from_args(spec.to_args()) == spec
    assert EngineSpec.from_args([]) == EngineSpec()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--slots=0"], "argument --slots: 0 is not a positive number"),
        (["--slots=four"], "argument --slots: 'four' is not a whole number"),
        (["--port=70000"], "argument --port: 70000 is over 65535"),
        (["--slot=4"], "unrecognized arguments: --slot=4"),
    ],
)
def test_arguments_that_are_not_ours_are_named(args: list[str], message: str) -> None:
    with pytest.raises(EngineArgumentError, match=message):
        EngineSpec.from_args(args)
