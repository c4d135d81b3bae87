"""What cells cost by day, how far their sellers are apart, and what is on sale: worked examples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl
import pytest

from tests.models import AS_OF, Models

pytestmark = pytest.mark.xdist_group("models")

START: Final = date(2026, 1, 1)
GPU: Final = "h100-sxm-80gb"
CELL: Final = {
    "gpu_id": GPU,
    "segment": "neocloud",
    "purchase_type": "on_demand",
    "commitment_months": 0,
    "price_statistic": "offer",
}

OF_PRICES: Final = ("age_days", "offer_count", "is_index_input", "status")
"""Columns that only the table of sellers' prices has."""


def day(number: int) -> date:
    return START + timedelta(number)


def sale(number: int, seller: str, usd: float, **changes: Any) -> dict[str, Any]:
    """One offer on a day, read that day."""
    known = CELL | {
        "price_date": day(number),
        "source_id": "s",
        "offer_key": seller,
        "provider_id": seller,
        "usd_per_gpu_hour": usd,
        "age_days": 0,
        "offer_count": 1,
        "is_index_input": True,
        "status": "final",
    }
    row = known | changes
    read = row["price_date"] - timedelta(row["age_days"])
    return row | {"last_observed_at": datetime.combine(read, datetime.min.time())}


def tables(sales: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    """The offers, and a price per seller: here every seller makes one offer of its own."""
    rows = pl.DataFrame(sales)
    prices = rows.with_columns(
        median_usd_per_gpu_hour="usd_per_gpu_hour", min_usd_per_gpu_hour="usd_per_gpu_hour"
    ).drop("usd_per_gpu_hour", "offer_key")
    offers = rows.drop(OF_PRICES)
    return {"fct_gpu_offer_prices_daily": offers, "gpu_prices_daily": prices}


def rows_by_day(
    models: Models, model: str, given_tables: Mapping[str, pl.DataFrame]
) -> dict[date, dict[str, Any]]:
    built = models.build(given_tables, model)[model]
    assert built["price_date"].is_unique().all()
    return {row["price_date"]: row for row in built.iter_rows(named=True)}


def test_a_level_is_the_median_over_sellers_with_the_quartiles_beside_it(models: Models) -> None:
    prices = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 9.0}
    sales = [sale(0, seller, usd) for seller, usd in prices.items()]
    row = rows_by_day(models, "gpu_price_trends_daily", tables(sales))[day(0)]
    figures = ("min", "p25", "level", "p75", "smoothed")
    assert [float(row[f"{figure}_usd_per_gpu_hour"]) for figure in figures] == [1, 2, 3, 4, 3]
    assert (row["provider_count"], row["offer_count"], row["status"]) == (5, 5, "final")


def test_changes_are_of_the_same_offers_and_not_of_the_level(models: Models) -> None:
    """In 30 days a went from 2 to 3 and b from 4 to 3; c is new, d is now read from another source."""
    sales = [
        sale(0, "a", 2.0),
        sale(0, "b", 4.0),
        sale(0, "d", 1.0),
        sale(30, "a", 3.0),
        sale(30, "b", 3.0),
        sale(30, "c", 90.0),
        sale(30, "d", 50.0, source_id="t"),
    ]
    row = rows_by_day(models, "gpu_price_trends_daily", tables(sales))[day(30)]
    assert float(row["change_30d_ratio"]) == pytest.approx((3 / 2 * 3 / 4) ** 0.5 - 1, abs=1e-6)
    assert row["change_30d_provider_count"] == 2
    assert row["change_7d_ratio"] is None
    assert float(row["level_usd_per_gpu_hour"]) == (3 + 50) / 2


def test_one_seller_is_not_a_market(models: Models) -> None:
    rows = rows_by_day(models, "gpu_price_trends_daily", tables([sale(0, "a", 2.0)]))
    assert rows[day(0)]["level_usd_per_gpu_hour"] is None
    assert rows[day(0)]["status"] == "suppressed"
    assert rows[day(0)]["status_reason"].startswith("fewer than two sellers")
    venue = [sale(0, "v", 2.0, segment="marketplace", offer_count=5)]
    rows = rows_by_day(models, "gpu_price_trends_daily", tables(venue))
    assert float(rows[day(0)]["level_usd_per_gpu_hour"]) == 2


@pytest.mark.parametrize(("stale", "status"), [(0, "final"), (1, "final"), (2, "imputed"), (3, "suppressed")])
def test_prices_not_read_for_two_weeks_count_as_imputed(models: Models, stale: int, status: str) -> None:
    sales = [sale(0, f"s{n}", 2.0, age_days=15 if n < stale else 14) for n in range(5)]
    row = rows_by_day(models, "gpu_price_trends_daily", tables(sales))[day(0)]
    assert (row["status"], float(row["imputed_ratio"])) == (status, stale / 5)
    assert (row["level_usd_per_gpu_hour"] is None) == (status == "suppressed")


def test_days_of_the_last_week_are_provisional(models: Models) -> None:
    sales = [
        sale(0, seller, 2.0, price_date=AS_OF - timedelta(age)) for seller in ("a", "b") for age in (0, 7, 8)
    ]
    rows = rows_by_day(models, "gpu_price_trends_daily", tables(sales))
    statuses = [rows[AS_OF - timedelta(age)]["status"] for age in (0, 7, 8)]
    assert statuses == ["provisional", "provisional", "final"]


def test_the_smoothed_level_is_the_median_of_28_days_and_says_how_many_it_had(models: Models) -> None:
    """Levels 1, 2, ... 30; the 10th is missing. On day 30 the window holds days 3 to 30 without the 10th."""
    sales = [sale(n, seller, float(n)) for seller in ("a", "b") for n in range(1, 31) if n != 10]
    row = rows_by_day(models, "gpu_price_trends_daily", tables(sales))[day(30)]
    assert row["smoothed_day_count"] == 27
    assert float(row["smoothed_usd_per_gpu_hour"]) == 17


def test_the_spread_names_both_ends(models: Models) -> None:
    """Prices 1, 2, 4 and 8: a standard deviation of 5 ** 0.5 / 3 ** 0.5 * ln 2 in logarithms."""
    prices = {"dear": 8.0, "a": 2.0, "b": 4.0, "cheap": 1.0}
    sales = [sale(0, seller, usd) for seller, usd in prices.items()]
    row = rows_by_day(models, "gpu_price_spread_daily", tables(sales))[day(0)]
    assert (row["cheapest_provider_id"], row["dearest_provider_id"]) == ("cheap", "dear")
    assert float(row["dearest_to_cheapest_ratio"]) == 8
    assert float(row["interquartile_ratio"]) == pytest.approx(5 / 1.75, abs=1e-6)
    assert float(row["geometric_deviation_ratio"]) == pytest.approx(2 ** (5 / 3) ** 0.5, abs=1e-6)


def test_the_spread_of_one_price_is_one_and_the_first_by_name_stands_for_all(models: Models) -> None:
    sales = [sale(0, seller, 2.0) for seller in ("b", "a", "c")]
    row = rows_by_day(models, "gpu_price_spread_daily", tables(sales))[day(0)]
    assert float(row["dearest_to_cheapest_ratio"]) == 1
    assert (row["cheapest_provider_id"], row["dearest_provider_id"]) == ("a", "a")


def offers(*rows: dict[str, Any]) -> dict[str, pl.DataFrame]:
    known = {"is_available": None, "available_count": None, "exclusion_reason": None}
    schema = {"is_available": pl.Boolean, "available_count": pl.Int32, "exclusion_reason": pl.String}
    frame = pl.DataFrame([known | row for row in rows], schema_overrides=schema)
    return {"fct_gpu_offer_prices_daily": frame.drop(OF_PRICES)}


def test_available_sold_out_and_unsaid_are_counted_apart(models: Models) -> None:
    given_tables = offers(
        sale(0, "a", 2.0, offer_key="a1", is_available=True, available_count=7),
        sale(0, "a", 2.0, offer_key="a2", is_available=False, exclusion_reason="not rentable"),
        sale(0, "b", 2.0, offer_key="b1", available_count=0),
        sale(0, "b", 2.0, offer_key="b2", available_count=2),
        sale(0, "c", 2.0),
        sale(0, "estimated", 2.0, is_available=True, exclusion_reason="an estimate"),
    )
    row = rows_by_day(models, "gpu_availability_daily", given_tables)[day(0)]
    counted = ("available_offer_count", "unavailable_offer_count", "unknown_offer_count", "offer_count")
    assert [row[name] for name in counted] == [2, 2, 1, 5]
    assert (float(row["available_ratio"]), row["stock_count"], row["provider_count"]) == (0.5, 9, 3)


def test_availability_is_not_carried_and_not_guessed(models: Models) -> None:
    given_tables = offers(sale(0, "a", 2.0), sale(1, "b", 2.0, is_available=True, age_days=1))
    rows = rows_by_day(models, "gpu_availability_daily", given_tables)
    assert list(rows) == [day(0)]
    assert rows[day(0)]["available_ratio"] is None
    assert rows[day(0)]["status_reason"] == "no source says what is available"


def test_of_two_sources_that_watch_a_seller_the_one_that_says_more_counts(models: Models) -> None:
    given_tables = offers(
        sale(0, "a", 2.0, source_id="silent", offer_key="x"),
        sale(0, "a", 2.0, source_id="silent", offer_key="y"),
        sale(0, "a", 2.0, source_id="talks", is_available=False),
    )
    row = rows_by_day(models, "gpu_availability_daily", given_tables)[day(0)]
    assert (row["offer_count"], row["unavailable_offer_count"], float(row["available_ratio"])) == (1, 1, 0)
