import pytest

from simulations.errors import CalibrationError
from simulations.hardware import gpu, gpus, model, models
from stacks.pricing.prices import PriceBook


@pytest.mark.parametrize(
    ("name", "billions", "active"),
    [
        ("llama-3.1-8b", 8.03, 7.5),
        ("llama-3.1-70b", 70.6, 69.5),
        ("llama-3.1-405b", 405.8, 403.7),
        ("qwen3-32b", 32.8, 32.0),
        ("qwen3-30b-a3b", 30.5, 3.0),
        ("mixtral-8x7b", 46.7, 12.7),
    ],
)
def test_the_parameters_of_an_architecture_are_those_that_its_makers_state(name: str, billions: float, active: float) -> None:
    assert model(name).parameters / 1e9 == pytest.approx(billions, abs=0.06)
    assert model(name).active_parameters / 1e9 == pytest.approx(active, abs=0.06)


def test_a_token_of_llama_8b_keeps_128_kib_of_keys_and_values() -> None:
    assert model("llama-3.1-8b").kv_bytes_per_token() == 128 * 1024


def test_a_large_batch_hits_every_expert_and_one_token_hits_its_own() -> None:
    moe = model("qwen3-30b-a3b")
    assert moe.experts_hit(1) == pytest.approx(8)
    assert moe.experts_hit(2) == pytest.approx(16 - 8 * 8 / 128)
    assert moe.experts_hit(2048) == pytest.approx(128)
    assert model("llama-3.1-8b").experts_hit(5) == 1


def test_every_value_has_a_source() -> None:
    for entry in (*gpus().values(), *models().values()):
        assert entry.sources
        assert all(entry.sources.values())


def test_a_gpu_costs_what_the_cheapest_row_of_the_price_book_says() -> None:
    book = PriceBook.bundled()
    rows = [row for row in book.for_gpu("H100") if row.suspect is None and row.usd_per_hour is not None]
    assert gpu("H100").usd_per_hour(book) == min(row.usd_per_hour / row.gpus for row in rows if row.usd_per_hour)
    assert gpu("RTX-4090").usd_per_hour(book) is None


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CalibrationError, match=r"GPU model 'H1000'; known: A100, .*; did you mean H100"):
        gpu("H1000")
    with pytest.raises(CalibrationError, match=r"model 'qwen3-31b'; known: .*; did you mean qwen3-32b"):
        model("qwen3-31b")
