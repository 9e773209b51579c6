import pytest

from simulations.errors import CalibrationError
from simulations.hardware import gpu, gpus, model
from simulations.serving.roofline import VLLM, Host, RooflineTimes, kernels_of


def times(card: str = "H100", name: str = "llama-3.1-8b", group: int = 1, host: Host | None = None) -> RooflineTimes:
    return RooflineTimes(gpu(card), model(name), kernels_of(card), host or Host.none(), group=group)


def test_a_token_takes_at_least_the_reading_of_all_weights() -> None:
    seconds = times().step_s(1, 1, 512, 0)
    assert 16.06e9 / 3.35e12 < seconds < 1.5 * 16.06e9 / 3.35e12


def test_a_long_prompt_takes_at_least_its_products_at_the_peak() -> None:
    seconds = times().step_s(2048, 0, 0, 2048 * 2049 / 2)
    assert 2 * 7.5e9 * 2048 / 989.4e12 < seconds < 1.5 * 2 * 7.5e9 * 2048 / 989.4e12


def test_memory_and_compute_overlap_so_a_few_more_tokens_cost_almost_nothing() -> None:
    one, eight, sixteen_hundred = (times().step_s(tokens, 0, 0, 0) for tokens in (1, 8, 1600))
    assert eight < 1.02 * one
    assert sixteen_hundred > 5 * one


def test_steps_that_generate_are_linear_in_their_context() -> None:
    first, growth = times().generation(32, 40_000)
    for steps in (1, 7, 500):
        assert first + steps * growth == pytest.approx(times().step_s(32, 32, 40_000 + 32 * steps, 0), rel=1e-12)


def test_two_gpus_share_the_weights_and_pay_for_adding_up() -> None:
    alone, pair = times().step_s(1, 1, 512, 0), times(group=2).step_s(1, 1, 512, 0)
    assert alone / 2 < pair < alone
    slow = times("L40S", group=4).step_s(2048, 0, 0, 2048 * 1024)
    assert slow > times("L40S").step_s(2048, 0, 0, 2048 * 1024)  # over PCIe the all-reduce of a long prompt eats the gain


def test_a_mixture_of_experts_reads_few_of_them_for_one_token_and_all_for_many() -> None:
    moe, dense = times(name="qwen3-30b-a3b"), times(name="qwen3-32b")
    assert moe.step_s(1, 1, 512, 0) < dense.step_s(1, 1, 512, 0) / 3
    assert moe.step_s(64, 64, 64 * 512, 0) > 3 * moe.step_s(1, 1, 512, 0)


def test_keys_are_read_more_slowly_beside_prompts_where_the_kernels_are_not_made_for_it() -> None:
    def beside(card: str) -> float:
        pairs = 128 * 129 / 2
        return times(card).step_s(160, 32, 64_000, pairs) - times(card).step_s(160, 32, 0, pairs)

    alone = times("RTX-4090").context_s * 64_000
    assert beside("RTX-4090") == pytest.approx(3.0 * alone)
    assert beside("H100") == pytest.approx(times("H100").context_s * 64_000)


def test_the_host_adds_to_every_step() -> None:
    difference = times(host=VLLM).step_s(8, 8, 4096, 0) - times().step_s(8, 8, 4096, 0)
    assert difference == pytest.approx(VLLM.step_s.value + 8 * VLLM.sequence_s.value)


def test_a_group_that_nobody_measured_is_an_error() -> None:
    with pytest.raises(CalibrationError, match="over 3 H100 GPUs: all-reduces are known for groups of 1, 2, 4, 8"):
        times(group=3)


@pytest.mark.parametrize("card", sorted(gpus()))
def test_every_coefficient_has_a_source_and_shares_stay_below_the_data_sheet(card: str) -> None:
    for name, coefficient in kernels_of(card).named():
        assert coefficient.source
        if coefficient.unit.startswith("share"):
            assert 0.2 < coefficient.value <= 1, name
