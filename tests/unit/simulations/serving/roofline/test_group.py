"""Engines on a group of GPUs: the same requests, faster."""

from functools import partial

from foundation.measures.outcome import RequestRecord
from simulations.hardware import gpu, model
from simulations.kernel import Loop, Order
from simulations.serving import EngineRequest
from simulations.serving.paged import Limits, PagedEngine
from simulations.serving.paged.limits import blocks_in
from simulations.serving.roofline import VLLM, RooflineTimes, kernels_of


def served(name: str, group: int) -> list[RequestRecord]:
    card, decoder = gpu("H100"), model(name)
    loop = Loop()
    records: list[RequestRecord] = []
    limits = Limits(blocks_in(card, decoder, group=group), 32, 4096)
    times = RooflineTimes(card, decoder, kernels_of("H100"), VLLM, group=group)

    def keep(_: EngineRequest, record: RequestRecord) -> None:
        records.append(record)

    engine = PagedEngine("e", limits, times, loop, on_end=keep)
    for index in range(20):
        loop.at(0.05 * index, partial(engine.offer, EngineRequest(index, 0.05 * index, 800, 50)), Order.ARRIVAL)
    loop.run()
    engine.audit()
    return records


def mean_ms(records: list[RequestRecord]) -> float:
    return sum(record.e2e_ms for record in records) / len(records)


def test_more_gpus_answer_faster_but_not_as_much_as_they_are_more() -> None:
    two, four, eight = (mean_ms(served("llama-3.1-70b", group)) for group in (2, 4, 8))
    assert two > four > eight
    assert eight > two / 4


def test_active_weights_make_a_mixture_of_experts_faster_than_a_dense_model_of_its_size() -> None:
    assert mean_ms(served("qwen3-30b-a3b", 1)) < 0.7 * mean_ms(served("qwen3-32b", 1))
