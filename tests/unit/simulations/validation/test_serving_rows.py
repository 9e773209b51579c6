from pathlib import Path

from simulations.hardware import gpu, model
from simulations.serving.paged import Limits
from simulations.serving.port import EngineRequest
from simulations.serving.replay import Fitted, Setup, fit, summary
from simulations.serving.roofline import kernels_of
from simulations.validation import check
from simulations.validation.published.serving import kernels, mooncake_cache, vllm_0_19


def test_the_rows_of_data_that_is_not_there_are_skipped(tmp_path: Path) -> None:
    assert check(mooncake_cache.ROW, tmp_path).verdict == check(vllm_0_19.ROW, tmp_path).verdict == "skipped"


def test_the_kernels_are_met_on_all_but_the_a100s_worst_step(tmp_path: Path) -> None:
    result = check(kernels.ROW, tmp_path)
    assert [judged.figure.name for judged in result.figures if not judged.held] == ["A100-80GB, worst error, %"]
    assert all(judged.figure.n == 252 for judged in result.figures)


def test_the_cache_of_a_trace_counts_what_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "mooncake").mkdir()
    (tmp_path / mooncake_cache.ROW.files[0]).write_text(
        '{"input_length": 1024, "hash_ids": [1, 2]}\n{"input_length": 600, "hash_ids": [1, 3]}\n{"input_length": 512, "hash_ids": [2]}\n'
    )
    mean, blocks, *_ = check(mooncake_cache.ROW, tmp_path).figures
    assert mean.figure.got == 100 * (0 + 512 / 600 + 1) / 3
    assert blocks.figure.got == 100 * 2 / 5


def test_a_fit_to_a_replay_says_what_the_replay_said() -> None:
    card = gpu("RTX-4090")
    setup = Setup(Limits(3000, 32, 4096), card, model("llama-3.1-8b"), kernels_of("RTX-4090"))
    load = [EngineRequest(index, 0.05 * index, 200 + 37 * index % 900, 40 + 13 * index % 90) for index in range(80)]
    truth = Fitted(2.5e-3, 3.5)
    run = setup.replay(load, truth)
    begun, found = (summary(setup.replay(load, fitted)) for fitted in (Fitted(), fit(setup, load, run)))
    for name, value in summary(run).items():
        assert abs(found[name] / value - 1) < 0.02, name
    assert max(abs(begun[name] / value - 1) for name, value in summary(run).items()) > 0.06
