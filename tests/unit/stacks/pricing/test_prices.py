"""The price book: what it answers, what it refuses and how it names what is wrong."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from stacks.pricing.prices import COLUMNS, PriceBook, PriceBookError, UnpricedError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ",".join(COLUMNS)
ROW = "aws,eu-north-1,p5.48xlarge,H100,8,192,2048,58.89,28.32,,somewhere,2026-06 at the latest"


def book_of(tmp_path: Path, *lines: str, header: str = HEADER) -> PriceBook:
    path = tmp_path / "book.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return PriceBook.read(path)


def test_the_bundled_book_knows_its_rows_and_where_they_come_from() -> None:
    price = PriceBook.bundled().price("aws", "eu-north-1", "p5.48xlarge")
    assert (price.usd_per_hour, price.spot_usd_per_hour, price.gpu_model, price.gpus) == (58.8928, 28.3188, "H100", 8)
    assert "skypilot-catalog" in price.source


def test_every_bundled_row_is_traceable_and_free_only_where_it_says_so() -> None:
    for price in PriceBook.bundled():
        assert price.source
        assert price.as_of
        assert price.cloud == "local" or price.usd_per_hour != 0
        assert price.gpus > 0 or price.gpu_model is None


def test_a_laptop_costs_nothing_and_never_goes_out_of_date() -> None:
    laptop = PriceBook.bundled().price("local", "local", "laptop")
    assert laptop.usd_per_hour == 0
    assert laptop.age_warning(date(2099, 1, 1)) is None


def test_figures_that_look_wrong_in_the_source_are_marked() -> None:
    suspects = {price.reference for price in PriceBook.bundled() if price.suspect}
    assert "gcp/us-central1/a3-highgpu-8g" in suspects
    assert "gcp/us-east4/a3-highgpu-8g" not in suspects


@pytest.mark.parametrize(
    ("reference", "nearest"),
    [
        (("aws", "eu-nort-1", "p5.48xlarge"), "aws/eu-north-1/p5.48xlarge"),  # the same machine elsewhere comes first
        (("aws", "us-east-1", "p5.49xlarge"), "aws/us-east-1/p5.4"),
        (("moon", "sea", "of"), None),
    ],
)
def test_what_has_no_price_is_an_error_that_names_the_nearest_row(reference: tuple[str, str, str], nearest: str | None) -> None:
    with pytest.raises(UnpricedError) as caught:
        PriceBook.bundled().price(*reference)
    assert "/".join(reference) in str(caught.value)
    assert (caught.value.nearest or "").startswith(nearest or "")
    assert (caught.value.nearest is None) == (nearest is None)


def test_a_gpu_model_without_a_price_names_the_models_there_are() -> None:
    with pytest.raises(UnpricedError, match=r"no price for GPU model 'H1000'.*L40S.*Did you mean 'H100'"):
        PriceBook.bundled().for_gpu("H1000")


def test_rows_of_a_gpu_model_come_cheapest_first_and_unpriced_last() -> None:
    per_gpu = [p.usd_per_hour and p.usd_per_hour / p.gpus for p in PriceBook.bundled().for_gpu("H200")]
    priced = [usd for usd in per_gpu if usd is not None]
    assert priced == sorted(priced)
    assert per_gpu[-1] is None  # one row has a spot price only


def test_reserved_is_priced_as_on_demand_because_the_book_has_no_contracts() -> None:
    price = PriceBook.bundled().price("aws", "eu-north-1", "p5.48xlarge")
    assert [price.for_purchase(kind) for kind in ("on-demand", "reserved", "spot")] == [58.8928, 58.8928, 28.3188]


@pytest.mark.parametrize(
    ("as_of", "today", "warned"),
    [
        ("2026-06 at the latest", date(2026, 7, 1), False),
        ("2026-06 at the latest", date(2027, 1, 1), True),
        ("undated (read 2026-11-23)", date(2026, 11, 24), True),
        ("undated (read 2026-13)", date(2026, 11, 24), True),
        ("last summer", date(2026, 11, 24), True),
    ],
)
def test_old_and_undated_prices_are_warned_about(tmp_path: Path, as_of: str, today: date, warned: bool) -> None:
    price = next(iter(book_of(tmp_path, ROW.replace("2026-06 at the latest", as_of))))
    assert (price.age_warning(today) is not None) is warned


def test_scaled_prices_say_that_they_are_assumed(tmp_path: Path) -> None:
    (price,) = book_of(tmp_path, ROW).scaled(1.5)
    assert price.usd_per_hour == pytest.approx(88.335)
    assert "assumed" in price.source


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW.replace("58.89", "$58.89"), r"line 2, column on_demand_usd_per_hour: '\$58\.89' is not a number"),
        (ROW.replace("28.32", "-1"), r"line 2, column spot_usd_per_hour: '-1' is not zero or more"),
        (ROW.replace("58.89", "1e308"), "line 2, column on_demand_usd_per_hour: '1e308' is not zero or more, and at most 1,000,000"),
        (ROW.replace("28.32", "1000000.5"), "line 2, column spot_usd_per_hour: '1000000.5' is not zero or more, and at most 1,000,000"),
        (ROW.replace("28.32", "nan"), "line 2, column spot_usd_per_hour: 'nan' is not zero or more"),
        (ROW.replace("2026-06", "2026-13"), "line 2, column as_of: '2026-13 at the latest' is not a month such as 2026-06"),
        (ROW.replace("2026-06", "2026-00"), "line 2, column as_of: '2026-00 at the latest' is not a month"),
        (ROW.replace("2026-06", "0000-06"), "line 2, column as_of: '0000-06 at the latest' is not a month"),
        (f"{ROW}\n{ROW.replace('somewhere', 'x' * 200_000)}", "line 3: this is not a CSV row"),
        (ROW.replace("somewhere", ""), "line 2, column source: '' is not a text"),
        (f"{ROW}\n{ROW}", "line 3: aws/eu-north-1/p5.48xlarge is already priced"),
        ("", "it has no rows"),
    ],
)
def test_a_bad_row_is_named_by_line_and_column(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(PriceBookError, match=message):
        book_of(tmp_path, row)


def test_a_missing_column_is_named_with_the_one_that_looks_like_it(tmp_path: Path) -> None:
    with pytest.raises(PriceBookError, match="column 'spot_usd_per_hour' is missing; 'spot_usd_hour' looks like it"):
        book_of(tmp_path, ROW, header=HEADER.replace("spot_usd_per_hour", "spot_usd_hour"))


def test_a_header_that_is_no_row_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(PriceBookError, match="line 1: this is not a CSV row"):
        book_of(tmp_path, ROW, header=HEADER.replace("source", "s" * 200_000))


def test_a_book_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (price,) = book_of(tmp_path, ROW, header=f"\ufeff{HEADER}")
    assert price.cloud == "aws"


def test_a_home_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(PriceBookError, match=r"price book ~nosuchuser/x: there is no such home folder\. `budget: price_book:` is"):
        PriceBook.named("~nosuchuser/x")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(PriceBookError, match="No such file"):
        PriceBook.read(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(PriceBookError, match="not UTF-8"):
        PriceBook.read(tmp_path / "latin.csv")
