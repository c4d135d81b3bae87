"""Declines, rebounds and steps: shapes whose answers are known, through the project's own SQL."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from statistics import median
from typing import Any, Final

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.models import Models

pytestmark = pytest.mark.xdist_group("models")

START: Final = date(2024, 1, 1)
SERIES: Final = "neocloud/on_demand/0/h100-sxm-80gb"
CELL: Final = {
    "series_id": SERIES,
    "segment": "neocloud",
    "purchase_type": "on_demand",
    "commitment_months": 0,
    "gpu_id": "h100-sxm-80gb",
}
HELD_DAYS: Final = 28
MONTH_DAYS: Final = 365.25 / 12


def day(number: int) -> date:
    return START + timedelta(number)


def month(number: int) -> date:
    return date(START.year + number // 12, number % 12 + 1, 1)


def trends(usd: Mapping[int, float], **changes: Any) -> pl.DataFrame:
    """S by number of day, in cents, so that a tenth more is a tenth more."""
    shown = {"smoothed_day_count": 28, "provider_count": 4, "offer_count": 4, "imputed_ratio": 0.0}
    return pl.DataFrame(
        [
            CELL
            | shown
            | {"price_date": day(number), "smoothed_usd_per_gpu_hour": round(price, 6), "status": "final"}
            | changes
            for number, price in usd.items()
        ]
    )


def sellers(months: Mapping[int, Mapping[str, float]], source: str = "s") -> pl.DataFrame:
    """What each seller asked in a month, by number of month."""
    return pl.DataFrame(
        [
            CELL
            | {
                "index_month": month(number),
                "provider_id": seller,
                "source_id": source,
                "part": "matched",
                "usd_per_gpu_hour": round(usd, 6),
                "offer_count": 1,
                "is_carried": False,
            }
            for number, prices in months.items()
            for seller, usd in prices.items()
        ]
    )


def level(usd: Mapping[int, float]) -> pl.DataFrame:
    """Two sellers at one price."""
    return sellers({number: {"a": price, "b": price} for number, price in usd.items()})


def legs(
    models: Models, usd: Mapping[int, float], monthly: Mapping[int, float] | None = None
) -> list[dict[str, Any]]:
    """The legs of a series, first to last."""
    given_tables = {
        "gpu_price_trends_daily": trends(usd),
        "gpu_rental_index_inputs_monthly": level(monthly or {0: 1.0}),
    }
    built = models.build(given_tables, "gpu_rental_legs")["gpu_rental_legs"]
    return list(built.sort("leg_number").iter_rows(named=True))


def path(*corners: tuple[int, float]) -> dict[int, float]:
    """Straight lines between corners (day, USD), in cents."""
    found = {}
    for (start, left), (end, right) in pairwise(corners):
        for number in range(start, end + 1):
            found[number] = round(left + (right - left) * (number - start) / (end - start), 2)
    return found


def test_a_geometric_fall_has_the_half_life_it_was_made_with(models: Models) -> None:
    """A fall of 6 % a month, in logarithms: half after ln 2 / 0.06 = 11.55 months, 51 % in a year."""
    usd = {number: 8 * math.exp(-0.06 * number / MONTH_DAYS) for number in range(730)}
    (leg,) = legs(models, usd, {number: 8 * math.exp(-0.06 * number) for number in range(24)})
    assert float(leg["fitted_half_life_months"]) == pytest.approx(math.log(2) / 0.06, abs=0.001)
    assert float(leg["fitted_half_life_low_months"]) == pytest.approx(math.log(2) / 0.06, abs=0.001)
    assert float(leg["fitted_half_life_high_months"]) == pytest.approx(math.log(2) / 0.06, abs=0.001)
    assert float(leg["annualised_fall_ratio"]) == pytest.approx(1 - math.exp(-0.72), abs=1e-5)
    assert float(leg["fit_r2"]) == pytest.approx(1, abs=1e-5)
    assert leg["fit_reason"] is None
    assert leg["half_life_days"] == math.ceil(MONTH_DAYS * math.log(2) / 0.06)
    assert (leg["peak_date"], leg["trough_date"], leg["is_trough_confirmed"]) == (day(0), day(729), False)
    assert leg["is_left_censored"]
    assert float(leg["down_month_ratio"]) == 1
    assert float(leg["drawdown_ratio"]) == pytest.approx(math.exp(-0.06 * 729 / MONTH_DAYS) - 1, abs=1e-5)


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.6])
@pytest.mark.parametrize("months", [8, 9, 12, 24])
def test_the_fit_is_that_of_scipy_and_is_null_where_it_says_nothing(
    models: Models, noise: float, months: int
) -> None:
    random = Random(months)
    logs = [-0.05 * number + random.gauss(0, noise) for number in range(months)]
    usd = path((0, 9.0), (int(months * MONTH_DAYS) - 3, 3.0))
    (leg,) = legs(models, usd, {number: 5 * math.exp(log) for number, log in enumerate(logs)})
    line = stats.linregress(range(months), logs)
    reach = stats.t.ppf(0.95, months - 2) * line.stderr
    assert leg["fit_month_count"] == months
    if months < 9:
        assert leg["fit_reason"] == "fewer than 9 months from peak to trough"
    elif line.slope + reach >= 0:
        assert leg["fit_reason"] == "the slope cannot be told from none"
    elif line.rvalue**2 < 0.5:
        assert leg["fit_reason"] == "a line explains less than half of it"
    else:
        assert leg["fit_reason"] is None
        assert float(leg["fitted_half_life_months"]) == pytest.approx(-math.log(2) / line.slope, rel=1e-3)
        assert float(leg["fitted_half_life_low_months"]) == pytest.approx(
            -math.log(2) / (line.slope - reach), rel=1e-3
        )
        assert float(leg["fitted_half_life_high_months"]) == pytest.approx(
            -math.log(2) / (line.slope + reach), rel=1e-3
        )
        return
    assert leg["fitted_half_life_months"] is None
    assert leg["annualised_fall_ratio"] is None


def test_a_v_ends_a_leg_at_its_trough(models: Models) -> None:
    first, second = legs(models, path((0, 4.0), (100, 2.0), (200, 4.0)))
    assert (first["peak_date"], first["trough_date"]) == (day(0), day(100))
    assert float(first["drawdown_ratio"]) == -0.5
    assert first["is_trough_confirmed"]
    assert first["half_life_days"] == 100
    # 2.20 is reached on day 110, and held on the 28 days from then on.
    assert first["confirmed_date"] == day(110 + HELD_DAYS - 1)
    assert (float(first["rebound_ratio"]), float(first["recovery_ratio"])) == (1, 1)
    assert (second["start_date"], second["peak_date"], second["trough_date"]) == (day(100), day(200), None)
    assert (first["is_current"], second["is_current"]) == (False, True)


def test_a_w_has_two_troughs_and_a_peak_between_them(models: Models) -> None:
    first, second, third = legs(models, path((0, 4.0), (60, 2.0), (140, 3.0), (200, 2.2), (300, 3.5)))
    assert [float(leg["peak_usd_per_gpu_hour"]) for leg in (first, second, third)] == [4, 3, 3.5]
    assert [leg["trough_date"] for leg in (first, second, third)] == [day(60), day(200), None]
    assert float(first["rebound_ratio"]) == 0.5
    assert float(first["recovery_ratio"]) == 0.5
    assert float(second["drawdown_ratio"]) == pytest.approx(2.2 / 3 - 1, abs=1e-6)


def test_a_flat_line_has_no_trough_and_no_half_life(models: Models) -> None:
    (leg,) = legs(models, dict.fromkeys(range(400), 3.0), dict.fromkeys(range(13), 3.0))
    assert leg["trough_date"] is None
    assert leg["is_trough_confirmed"] is None
    assert leg["drawdown_ratio"] is None
    assert leg["half_life_days"] is None
    assert (leg["fitted_half_life_months"], leg["fit_reason"]) == (None, "no fall yet")
    assert (leg["month_step_count"], leg["down_month_count"]) == (12, 0)
    assert leg["largest_step_month"] is None


def test_steps_of_a_list_price_are_events_with_a_seller_each(models: Models) -> None:
    """Three sellers at 5.00; the middle of them goes to 4.00 in month 5 and to 2.40 in month 9."""
    months = {
        number: {"a": 5.0 if number < 5 else 4.0 if number < 9 else 2.4, "b": 5.0, "c": 2.0}
        for number in range(14)
    }
    usd = {number: 5.0 if number < 152 else 4.0 if number < 274 else 2.4 for number in range(400)}
    built = models.build(
        {"gpu_price_trends_daily": trends(usd), "gpu_rental_index_inputs_monthly": sellers(months)},
        "gpu_rental_legs",
        "gpu_rental_steps_monthly",
    )
    (leg,) = built["gpu_rental_legs"].iter_rows(named=True)
    assert (leg["largest_step_month"], leg["largest_step_provider_id"]) == (month(9), "a")
    assert float(leg["largest_step_ratio"]) == pytest.approx(2.4 / 4 - 1)
    assert leg["largest_step_cause"] == "repriced"
    assert (leg["month_step_count"], leg["down_month_count"]) == (13, 2)
    assert leg["half_life_days"] == 274
    events = built["gpu_rental_steps_monthly"].filter(pl.col("is_step")).sort("price_month")
    assert events.select("price_month", "cause_provider_id", "cause").rows() == [
        (month(5), "a", "repriced"),
        (month(9), "a", "repriced"),
    ]
    assert [float(ratio) for ratio in events["change_ratio"]] == pytest.approx([-0.2, -0.4])


@pytest.mark.parametrize(("rise_days", "is_censored"), [(0, True), (59, True), (60, False), (120, False)])
def test_a_peak_near_the_start_of_the_record_may_lie_before_it(
    models: Models, rise_days: int, is_censored: bool
) -> None:
    corners = ((0, 3.0), (rise_days, 6.0), (300, 2.0)) if rise_days else ((0, 6.0), (300, 2.0))
    (leg,) = legs(models, path(*corners))
    assert leg["is_left_censored"] == is_censored
    assert float(leg["start_usd_per_gpu_hour"]) == corners[0][1]


def test_a_rise_past_the_old_peak_confirms_the_trough_before_it(models: Models) -> None:
    """From 2 to 5 within ten days: the old peak is passed before the 28 days are over."""
    first, second = legs(models, path((0, 4.0), (100, 2.0), (110, 5.0), (200, 5.0)))
    assert (first["trough_date"], first["is_trough_confirmed"]) == (day(100), True)
    assert float(second["peak_usd_per_gpu_hour"]) == 5
    assert float(first["recovery_ratio"]) == 1.5


def test_a_dip_of_less_than_a_tenth_ends_no_leg(models: Models) -> None:
    (leg,) = legs(models, path((0, 3.0), (60, 4.0), (80, 3.7), (200, 6.0)))
    assert leg["peak_date"] == day(200)


def test_a_gap_in_the_record_does_not_count_as_days_held(models: Models) -> None:
    """Twenty days at 3, ten unseen, twenty more: on no 28 consecutive days was it seen above 2.20."""
    usd = {
        **path((0, 4.0), (100, 2.0)),
        **dict.fromkeys(range(101, 121), 3.0),
        **dict.fromkeys(range(131, 151), 3.0),
    }
    (leg,) = legs(models, usd)
    assert not leg["is_trough_confirmed"]
    assert float(leg["rebound_ratio"]) == 0.5


def test_a_series_of_a_month_is_kept_without_statistics(models: Models) -> None:
    (leg,) = legs(models, path((0, 4.0), (28, 2.0)))
    assert leg["status"] == "suppressed"
    assert leg["status_reason"].startswith("fewer than 30 days")
    assert leg["peak_usd_per_gpu_hour"] is None


def turning_points(usd: Sequence[float]) -> list[tuple[int, int, int | None]]:
    """Start, peak and confirmed trough of each leg of a series without gaps; prices in whole cents."""
    cents = [round(price * 100) for price in usd]
    found: list[tuple[int, int, int | None]] = []
    start = peak = low = 0
    number = 1
    while number < len(cents):
        held = cents[number : number + HELD_DAYS]
        rises = len(held) == HELD_DAYS and all(10 * price >= 11 * cents[low] for price in held)
        if rises and 10 * cents[peak] >= 11 * cents[low]:
            found.append((start, peak, low))
            start = peak = low
            number = low + 1
            low = peak
            continue
        if cents[number] > cents[peak]:
            peak = low = number
        elif cents[number] < cents[low]:
            low = number
        number += 1
    found.append((start, peak, None))
    return found


@given(st.integers(0, 2**16), st.sampled_from([0.01, 0.03, 0.08]))
def test_legs_are_those_of_a_reader_who_walks_through_the_days(
    models: Models, seed: int, daily_move: float
) -> None:
    random = Random(seed)
    price, usd = 4.0, []
    for _ in range(400):
        price = min(max(price * math.exp(random.gauss(0, daily_move)), 0.5), 20)
        usd.append(round(price, 2))
    found = [
        (leg["start_date"], leg["peak_date"], leg["trough_date"] if leg["is_trough_confirmed"] else None)
        for leg in legs(models, dict(enumerate(usd)))
    ]
    expected = [
        (day(start), day(peak), None if trough is None else day(trough))
        for start, peak, trough in turning_points(usd)
    ]
    assert found == expected


def test_the_h100_table_reads_the_whole_series_from_its_highest_peak(models: Models) -> None:
    """4, down to 2, up to 3, down to 1.5, up to 1.8: the peak is the first, the lowest in the second leg."""
    usd = path((0, 4.0), (60, 2.0), (140, 3.0), (220, 1.5), (300, 1.8))
    built = models.build(
        {
            "gpu_price_trends_daily": trends(usd),
            "gpu_rental_index_inputs_monthly": level({0: 4.0, 1: 3.0, 2: 2.0, 3: 2.5}),
        },
        "h100_rental_decline",
        "gpu_rental_legs",
    )
    (decline,) = built["h100_rental_decline"].iter_rows(named=True)
    assert built["gpu_rental_legs"].height == 3
    assert (decline["peak_date"], decline["trough_date"], decline["latest_date"]) == (
        day(0),
        day(220),
        day(300),
    )
    numbers = {
        "leg_count": 3,
        "drawdown_ratio": 1.8 / 4 - 1,
        "max_drawdown_ratio": 1.5 / 4 - 1,
        "rebound_ratio": 0.2,
        "recovery_ratio": 0.3 / 2.5,
        "half_life_days": 60,
        "down_month_ratio": 2 / 3,
        "largest_step_ratio": -1 / 3,
    }
    assert {name: float(decline[name]) for name in numbers} == pytest.approx(numbers, abs=1e-6)
    assert decline["is_trough_confirmed"]
    assert decline["matched_drawdown_ratio"] is None


def test_the_matched_fall_takes_the_same_offers_of_the_same_source(models: Models) -> None:
    """Seller a fell from 4 to 3. Seller b seems to have fallen to 1, but is read from another source."""
    offers = pl.DataFrame(
        [
            {
                "price_date": day(number),
                "source_id": source,
                "offer_key": seller,
                "provider_id": seller,
                "usd_per_gpu_hour": usd,
                "segment": "neocloud",
                "series_id": SERIES,
                "gpu_id": CELL["gpu_id"],
            }
            for number, seller, source, usd in (
                (0, "a", "one", 4.0),
                (100, "a", "one", 3.0),
                (0, "b", "one", 4.0),
                (100, "b", "two", 1.0),
            )
        ]
    )
    built = models.build(
        {
            "gpu_price_trends_daily": trends(path((0, 4.0), (100, 2.0))),
            "gpu_rental_index_inputs_monthly": level({0: 4.0}),
            "int_gpu_offer_prices__entering": offers,
        },
        "h100_rental_decline",
    )["h100_rental_decline"]
    (decline,) = built.iter_rows(named=True)
    assert float(decline["matched_drawdown_ratio"]) == -0.25
    assert decline["matched_provider_count"] == 1


def step(
    models: Models, before: Mapping[str, float], after: Mapping[str, float], **sources: str
) -> dict[str, Any]:
    """The step from one month to the next."""
    inputs = sellers({0: before, 1: after}).with_columns(
        pl.when(pl.col("index_month") == month(1))
        .then(pl.col("provider_id").replace_strict(sources, default="s"))
        .otherwise(pl.lit("s"))
        .alias("source_id")
    )
    built = models.build({"gpu_rental_index_inputs_monthly": inputs}, "gpu_rental_steps_monthly")
    (row,) = built["gpu_rental_steps_monthly"].filter(pl.col("price_month") == month(1)).iter_rows(named=True)
    return row


@pytest.mark.parametrize(
    ("before", "after", "sources", "seller", "cause"),
    [
        pytest.param(
            {"a": 2, "b": 3, "c": 4}, {"a": 2, "b": 3.5, "c": 4}, {}, "b", "repriced", id="repriced"
        ),
        pytest.param({"a": 2, "b": 3}, {"a": 2, "b": 3, "c": 9}, {}, "c", "entered", id="entered"),
        pytest.param({"a": 2, "b": 3, "c": 9}, {"a": 2, "b": 3}, {}, "c", "left", id="left"),
        pytest.param(
            {"a": 2, "b": 3}, {"a": 2, "b": 4}, {"b": "t"}, "b", "read from another source", id="source"
        ),
        pytest.param({"a": 2, "b": 2}, {"a": 3, "b": 5}, {}, "b", "repriced", id="the greater part of two"),
        pytest.param({"a": 2, "b": 2}, {"a": 2, "b": 2}, {}, None, None, id="no step"),
        pytest.param({"a": 2, "b": 2, "c": 2}, {"a": 3, "b": 3, "c": 3}, {}, None, None, id="no one alone"),
    ],
)
def test_a_step_names_the_seller_without_whom_it_would_be_smallest(
    models: Models,
    before: dict[str, float],
    after: dict[str, float],
    sources: dict[str, str],
    seller: str | None,
    cause: str | None,
) -> None:
    row = step(models, before, after, **sources)
    assert (row["cause_provider_id"], row["cause"]) == (seller, cause)
    expected = median(after.values()) / median(before.values()) - 1
    assert float(row["change_ratio"]) == pytest.approx(expected, abs=1e-6)


@given(
    st.dictionaries(st.sampled_from("abcde"), st.tuples(st.integers(1, 9), st.integers(1, 9), st.booleans()))
)
def test_the_cause_of_a_step_is_found_by_putting_each_seller_back(
    models: Models, prices: dict[str, tuple[int, int, bool]]
) -> None:
    """Three that stay, and up to five that come, go or change; each put back in turn, the median taken."""
    stay = {"x": 3.0, "y": 5.0, "z": 8.0}
    before = stay | {seller: float(was) for seller, (was, _, is_new) in prices.items() if not is_new}
    after = stay | {seller: float(now) for seller, (_, now, is_new) in prices.items() if is_new or now < 8}
    row = step(models, before, after)
    step_log = math.log(median(after.values()) / median(before.values()))

    def pushed(seller: str) -> float:
        kept = {name: usd for name, usd in after.items() if name != seller}
        back = [*kept.values(), before[seller]] if seller in before else list(kept.values())
        return math.copysign(1, step_log) * math.log(median(after.values()) / median(back))

    everyone = before.keys() | after.keys()
    strongest = max(round(pushed(seller), 9) for seller in everyone) if step_log else 0
    if step_log and strongest > 0:
        assert round(pushed(row["cause_provider_id"]), 9) == strongest
    else:
        assert row["cause_provider_id"] is None
