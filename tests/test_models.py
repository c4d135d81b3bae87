"""The way tests run the project's SQL in memory."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl
import pytest

from tests.models import Models

pytestmark = pytest.mark.xdist_group("models")


def prices(**values: object) -> pl.DataFrame:
    known = {"price_date": date(2026, 1, 1), "gpu_id": "h100-sxm-80gb", "provider_id": "lambda"}
    return pl.DataFrame([{**known, **values}])


def test_models_between_the_given_and_the_wanted_are_worked_out(models: Models) -> None:
    readings = pl.DataFrame(
        {"contract": ["gpu_offers"], "source_id": ["s"], "reading_scope": [""]}
    ).with_columns(
        read_at=pl.lit("2026-01-01 06:00:00").str.to_datetime(),
        recorded_at=pl.lit("2026-01-01 07:00:00").str.to_datetime(),
    )
    built = models.build({"stg_readings": readings}, "int_readings__days")
    assert built["int_readings__days"]["covered_date"].to_list()[0] == date(2026, 1, 1)


def test_rows_of_one_build_are_gone_in_the_next(models: Models) -> None:
    first = models.build({"gpu_prices_daily": prices()}, "gpu_prices_daily")
    second = models.build({"gpu_prices_daily": prices(provider_id="nebius")}, "gpu_prices_daily")
    assert first["gpu_prices_daily"]["provider_id"].to_list() == ["lambda"]
    assert second["gpu_prices_daily"]["provider_id"].to_list() == ["nebius"]


def test_a_column_the_table_lacks_is_an_error(models: Models) -> None:
    with pytest.raises(duckdb.Error, match="price_on_mars"):
        models.build({"gpu_prices_daily": prices(price_on_mars=1)}, "gpu_prices_daily")


def test_a_model_that_reads_nothing_of_the_given_is_refused(models: Models) -> None:
    with pytest.raises(AssertionError, match="token_prices_daily"):
        models.build({"gpu_prices_daily": prices()}, "token_prices_daily")
