"""Training costs and rent against buy: known answers, and a plain loop as the judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import Models
from tests.test_margins import rents

pytestmark = pytest.mark.xdist_group("models")

HOURS = 730
HORIZON_MONTHS = 72
LIFE_MONTHS = 48
DISCOUNT_PER_YEAR = 0.10
KW_USD = 1.73 * 0.08
"""Power of an H100 with server and facility, at 8 cents."""
Row = Mapping[str, Any]


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def training(models: Models, levels: Sequence[Row], **where: Any) -> dict[date, dict[str, Any]]:
    """The training costs that fit, by month."""
    built = models.build({"gpu_price_trends_daily": frame(levels)}, "training_costs_monthly")
    fitting = [
        row
        for row in built["training_costs_monthly"].to_dicts()
        if all(row[column] == value for column, value in where.items())
    ]
    assert len({row["cost_month"] for row in fitting}) == len(fitting)
    return {row["cost_month"]: row for row in fitting}


def on(month: date, usd: float, gpu: str, **changes: Any) -> list[Row]:
    """A rent on ten days of a month."""
    return rents(usd, gpu, month, month + timedelta(days=9), **changes)


LISTED = {"segment": "hyperscaler"}
LLAMA = {"run_id": "llama-2-70b", "hardware": "own"}
JANUARY = date(2024, 1, 1)


def test_llama_2_at_the_list_price_of_a_p4d_costs_seven_million(models: Models) -> None:
    """G25: 1,720,320 hours x 32.77 / 8."""
    levels = on(date(2023, 9, 1), 32.77 / 8, "a100-sxm-80gb", **LISTED)
    row = training(models, levels, **LLAMA, cost_basis="list_on_demand")[date(2023, 9, 1)]
    stated = training(models, levels, **LLAMA, cost_basis="stated")[date(2023, 9, 1)]
    assert row["cost_usd"] == stated["cost_usd"] == Decimal("7046860.80")
    assert (row["status"], row["status_reason"]) == ("final", None)


def test_deepseek_v3_at_the_rent_its_makers_assumed_costs_what_they_said(models: Models) -> None:
    (row,) = training(
        models, on(JANUARY, 2, "h800-sxm-80gb"), run_id="deepseek-v3", cost_basis="stated"
    ).values()
    assert row["cost_usd"] == Decimal(5_576_000)


def test_a_run_is_never_carried_to_another_chip_in_silence(models: Models) -> None:
    """Only hardware best leaves the run's accelerator, and the one converted run says so."""
    levels = [
        *on(JANUARY, 2, "h100-sxm-80gb"),
        *on(JANUARY, 1, "a100-pcie-80gb"),
        *on(JANUARY, 1, "a100-unstated"),
    ]
    assert training(models, levels, **LLAMA, cost_basis="neocloud_on_demand") == {}
    assert (
        training(models, levels, run_id="deepseek-v3", hardware="own", cost_basis="neocloud_on_demand") == {}
    )
    later = on(date(2025, 1, 1), 2, "h100-sxm-80gb")
    converted = training(models, later, run_id="deepseek-v3-on-h100", cost_basis="neocloud_on_demand")
    assert converted[date(2025, 1, 1)]["cost_usd"] == Decimal(5_576_000)
    assert converted[date(2025, 1, 1)]["is_converted"]


def test_a_name_without_a_form_is_a_series_of_its_own(models: Models) -> None:
    levels = [*on(JANUARY, 2, "a100-unstated-80gb"), *on(JANUARY, 1, "a100-sxm-80gb")]
    for gpu, usd in (("a100-unstated-80gb", 3_440_640), ("a100-sxm-80gb", 1_720_320)):
        row = training(models, levels, **LLAMA, cost_basis="neocloud_on_demand", gpu_id=gpu)[JANUARY]
        assert row["cost_usd"] == usd


def test_a_rent_stands_for_the_months_that_end_within_60_days_of_it(models: Models) -> None:
    """Last asked on 10 January 2024: 29 February is 50 days later, 31 March 81."""
    months = training(models, on(JANUARY, 2, "a100-sxm-80gb"), **LLAMA, cost_basis="neocloud_on_demand")
    told = {
        month: (row["cost_usd"], row["status"]) for month, row in months.items() if month < date(2024, 5, 1)
    }
    assert told == {
        date(2023, 7, 1): (None, "suppressed"),
        **{date(2023, month, 1): (None, "suppressed") for month in range(8, 13)},
        JANUARY: (Decimal(3_440_640), "final"),
        date(2024, 2, 1): (Decimal(3_440_640), "imputed"),
        date(2024, 3, 1): (None, "suppressed"),
        date(2024, 4, 1): (None, "suppressed"),
    }
    assert {row["status_reason"] for row in months.values() if row["status"] == "suppressed"} == {
        "no rent within 60 days"
    }


def test_the_base_is_the_first_month_with_a_price_since_the_release(models: Models) -> None:
    levels = [
        *on(date(2023, 5, 1), 9, "a100-sxm-80gb"),
        *on(date(2023, 10, 1), 2, "a100-sxm-80gb"),
        *on(JANUARY, 1.5, "a100-sxm-80gb"),
    ]
    row = training(models, levels, **LLAMA, cost_basis="neocloud_on_demand")[JANUARY]
    assert (row["base_month"], row["cost_to_base_ratio"]) == (date(2023, 10, 1), 0.75)
    released = on(date(2023, 7, 18), 2.5, "a100-sxm-80gb")
    row = training(models, [*released, *levels], **LLAMA, cost_basis="neocloud_on_demand")[JANUARY]
    assert (row["base_month"], row["cost_to_base_ratio"]) == (date(2023, 7, 1), 0.6)


def test_the_best_chip_is_the_cheapest_per_operation(models: Models) -> None:
    """8.1e23 operations take 568,757 H100-hours at 40 % of 989e12 a second; 3 USD for 989 beat 1 for 312."""
    levels = [
        *on(JANUARY, 3, "h100-sxm-80gb"),
        *on(JANUARY, 1, "a100-sxm-80gb"),
        *on(JANUARY, 0.5, "h100-unstated"),
    ]
    row = training(models, levels, run_id="llama-2-70b", hardware="best")[JANUARY]
    hours = 8.1e23 / (989e12 * 0.4 * 3600)
    assert (row["gpu_id"], row["gpu_hours"]) == ("h100-sxm-80gb", pytest.approx(hours))
    assert float(row["cost_usd"]) == pytest.approx(3 * hours, abs=0.01)
    assert float(row["low_cost_usd"]) == pytest.approx(3 * hours * 40 / 50, abs=0.01)
    assert float(row["high_cost_usd"]) == pytest.approx(3 * hours * 40 / 30, abs=0.01)


def paid_back(
    capital: float, rent: float, u: float, decline: float, residual: float, i: float = 0.0
) -> int | None:
    """First month in which an owner has earned the capital less what the machine still fetches."""
    earned = 0.0
    for month in range(1, HORIZON_MONTHS + 1):
        earned += HOURS * (u * rent * (1 - decline) ** month - KW_USD) / (1 + i) ** month
        if earned >= capital - residual * capital / (1 + i) ** month:
            return month
    return None


def monthly_rate(per_year: float) -> float:
    return float((1 + per_year) ** (1 / 12) - 1)


def break_even(capital: float, u: float, residual: float) -> float:
    """By halving: the unchanging rent at which the discounted earnings of a life are the capital."""
    i, low, high = monthly_rate(DISCOUNT_PER_YEAR), 0.0, 1000.0
    for _ in range(200):
        rent = (low + high) / 2
        value = sum(HOURS * (u * rent - KW_USD) / (1 + i) ** month for month in range(1, LIFE_MONTHS + 1))
        value += residual * capital / (1 + i) ** LIFE_MONTHS - capital
        low, high = (rent, high) if value < 0 else (low, rent)
    return low


def compared(
    models: Models, capital: float, usd: float, bought: date = JANUARY, **changes: Any
) -> list[dict[str, Any]]:
    """Rent against buy of an H100 for a capital, network and facility left out of it."""
    assumptions = {
        "network_and_facility_ratio": 0,
        "electricity_usd_per_kwh": 0.08,
        "facility_power_ratio": 1.25,
        "other_usd_per_gpu_hour": 0,
        "life_months": LIFE_MONTHS,
        "horizon_months": HORIZON_MONTHS,
        "discount_ratio_per_year": DISCOUNT_PER_YEAR,
    }
    purchase = {
        "source_id": "s",
        "gpu_id": "h100-sxm-80gb",
        "gpu_count": 8.0,
        "price_date": bought,
        "usd_per_gpu": capital,
        "evidence": "reconstructed",
    }
    given_rows: dict[str, list[Row]] = {
        "ownership_assumptions": [{"assumption": name, "value": float(x)} for name, x in assumptions.items()],
        "fct_hardware_prices": [{**purchase, **changes.pop("purchase", {})}],
        "gpu_price_trends_daily": on(JANUARY, usd, "h100-sxm-80gb", **changes),
    }
    built = models.build({name: frame(rows) for name, rows in given_rows.items()}, "rent_vs_buy_monthly")
    return built["rent_vs_buy_monthly"].to_dicts()


@given(capital=st.integers(8_000, 90_000), usd=st.integers(20, 1200))
def test_every_scenario_agrees_with_a_plain_loop(models: Models, capital: int, usd: int) -> None:
    rows = [row for row in compared(models, capital, usd / 100) if row["rent_month"] == JANUARY]
    assert len(rows) == 4 * 4 * 3
    i = monthly_rate(DISCOUNT_PER_YEAR)
    for row in rows:
        u, decline, residual = (
            float(row[f"{name}_ratio"]) for name in ("utilisation", "rent_decline_per_month", "residual")
        )
        case = (capital, usd / 100, u, decline, residual)
        assert row["falling_rent_payback_months"] == paid_back(*case), case
        assert row["discounted_payback_months"] == paid_back(*case, i), case
        left = HOURS * (usd / 100 * u - KW_USD)
        simple = capital * (1 - residual) / left if left > 0 else None
        assert row["simple_payback_months"] == (simple and pytest.approx(simple)), case
        assert float(row["break_even_rent_usd_per_gpu_hour"]) == pytest.approx(
            break_even(capital, u, residual), abs=2e-6
        ), case


def headline(rows: Sequence[Row]) -> Row:
    (row,) = [row for row in rows if row["is_headline"] and row["rent_month"] == JANUARY]
    return row


def test_at_165_cents_an_owner_loses_and_at_285_equities_are_beaten(models: Models) -> None:
    """The published pair for 50,000 USD a GPU, 2024-10. At 70 % use and unchanging rents 1.65 takes 68 months
    to repay, longer than a life, and 2.85 repays with 10 % a year; nothing is left to sell."""
    assert paid_back(50_000, 1.65, 0.7, 0, 0) == 68
    assert break_even(50_000, 0.7, 0) < 2.85
    losing, beating = (headline(compared(models, 50_000, usd)) for usd in (1.65, 2.85))
    assert losing["rent_usd_per_gpu_hour"] < losing["break_even_rent_usd_per_gpu_hour"]
    assert beating["rent_usd_per_gpu_hour"] > beating["break_even_rent_usd_per_gpu_hour"]
    assert beating["discounted_payback_months"] < LIFE_MONTHS


def test_the_published_cost_of_owning_lies_on_the_way(models: Models) -> None:
    """41,000 USD over 35,064 hours and 1.73 kW at 8 cents: 1.17 + 0.14 = 1.31 against 1.30 as published."""
    row = headline(compared(models, 41_000, 3))
    assert 41_000 / 35_064 + float(row["running_usd_per_gpu_hour"]) == pytest.approx(1.30, abs=0.01)


def test_a_contract_pays_for_every_hour(models: Models) -> None:
    rows = compared(models, 40_000, 2, purchase_type="reserved", commitment_months=36)
    assert {float(row["utilisation_ratio"]) for row in rows} == {1.0}
    assert headline(rows)["falling_rent_payback_months"] == paid_back(40_000, 2, 1.0, 0.01, 0.4)


def test_a_rent_below_the_running_cost_never_repays(models: Models) -> None:
    row = headline(compared(models, 40_000, 0.19))
    assert [row[name] for name in row if name.endswith("payback_months")] == [None, None, None]
    assert (row["status"], row["status_reason"]) == ("final", None), "never is an answer"


def test_a_month_without_rent_or_price_has_one_row_that_says_what_is_missing(models: Models) -> None:
    rows = compared(models, 40_000, 2)
    later = {row["rent_month"]: row for row in rows if row["status"] == "suppressed"}
    assert later[date(2024, 3, 1)]["status_reason"] == "no rent within 60 days"
    assert (
        later[date(2025, 1, 1)]["status_reason"]
        == "no rent within 60 days and no purchase price within a year"
    )
    assert all(row["simple_payback_months"] is None for row in later.values())
    assert len(later) == len([row for row in rows if row["status"] == "suppressed"])
    assert {row["status"] for row in rows if row["rent_month"] == date(2024, 2, 1)} == {"imputed"}


@pytest.mark.parametrize(
    "purchase",
    [
        pytest.param({"price_date": date(2023, 1, 30)}, id="older than a year"),
        pytest.param({"price_date": date(2024, 2, 1)}, id="of a later month"),
        pytest.param({"gpu_count": 1.0}, id="of a card without its server"),
        pytest.param({"evidence": "estimate"}, id="an estimate"),
        pytest.param({"gpu_id": "h100-pcie-80gb"}, id="of another form"),
    ],
)
def test_no_other_price_stands_for_the_server(models: Models, purchase: Row) -> None:
    rows = compared(models, 40_000, 2, purchase=purchase)
    assert [row for row in rows if row["rent_month"] == JANUARY] == []
