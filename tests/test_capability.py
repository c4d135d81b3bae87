"""Boards, the price of a capability, and open against closed models: through the project's own SQL."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf, norm, theilslopes

from tests.models import Models

pytestmark = pytest.mark.xdist_group("models")

ARENA, AIDER = "lmarena_text", "aider_polyglot"
GPT_4 = "gpt-4-0314"
few = settings(max_examples=8)
seeds = st.integers(0, 10**6)


def day(text: str) -> date:
    return date.fromisoformat(text)


def score(model: str, points: float, on: str, **others: Any) -> dict[str, Any]:
    """A row of leaderboard_scores_daily: an Arena rating of 10,000 votes, plus or minus 9.8 points."""
    known = {
        "score_date": day(on),
        "leaderboard": ARENA,
        "board_version": "csv_mirror",
        "category": "overall",
        "metric": "rating",
        "model_raw": model,
        "model_id": model.lower(),
        "license_raw": "Proprietary",
        "is_open_weights": False,
        "score": float(points),
        "score_unit": "elo",
        "score_low": points - 9.8,
        "score_high": points + 9.8,
        "vote_count": 10_000,
        "is_withdrawn": False,
    }
    return {**known, **others}


def open_score(model: str, points: float, on: str, **others: Any) -> dict[str, Any]:
    return score(model, points, on, **{"license_raw": "MIT", "is_open_weights": True, **others})


def solved(model: str, percent: float, on: str, **others: Any) -> dict[str, Any]:
    """A row of a fixed test of 225 cases."""
    board = {
        "leaderboard": AIDER,
        "board_version": "polyglot",
        "metric": "pass_rate_2",
        "score_unit": "percent",
    }
    bounds = {"score_low": None, "score_high": None, "vote_count": 225}
    return score(model, percent, on, **board, **bounds, **others)


def asked(model: str, host: str, usd: float, first: str, last: str, **others: Any) -> list[dict[str, Any]]:
    """Rows of token_prices_blended_daily, one for each day from the first to the last."""
    known = {
        "host_id": host,
        "model_id": model,
        "lab_id": "openai",
        "service_tier": "standard",
        "blended_usd_per_mtok": usd,
        "source_id": "models_dev",
        "age_days": 0,
    }
    days = (day(last) - day(first)).days + 1
    return [{"price_date": day(first) + timedelta(number), **known, **others} for number in range(days)]


def rows(table: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(table), infer_schema_length=None)


def only(models: Models, given_rows: Mapping[str, pl.DataFrame], wanted: str, **values: Any) -> pl.DataFrame:
    return models.build(given_rows, wanted)[wanted].filter(**values)


# --- Blends


def line(model: str, **others: Any) -> dict[str, Any]:
    known = {
        "price_date": day("2026-01-05"),
        "source_id": "models_dev",
        "host_raw": "deepseek",
        "host_id": "deepseek",
        "model_raw": model,
        "model_id": model,
        "lab_id": "deepseek",
        "service_tier": "standard",
        "min_context_tokens": 0,
        "quantization": "",
        "utc_window": "",
        "input_usd_per_mtok": 1.0,
        "output_usd_per_mtok": 5.0,
        "cache_read_usd_per_mtok": 0.2,
        "is_free": False,
        "is_primary": True,
        "age_days": 0,
        "status": "final",
    }
    return {**known, **others}


def blended(models: Models, *lines: dict[str, Any]) -> pl.DataFrame:
    wanted = "token_prices_blended_daily"
    return only(models, {"token_prices_daily": rows(lines)}, wanted).sort("model_id", "service_tier")


def test_a_blend_takes_a_share_of_the_input_from_the_cache(models: Models) -> None:
    (row,) = blended(models, line("v3")).iter_rows(named=True)
    assert float(row["blended_usd_per_mtok"]) == 2  # (3 x 1 + 5) / 4
    assert float(row["blended_cached_50_usd_per_mtok"]) == 1.7  # (3 (0.5 + 0.1) + 5) / 4
    assert float(row["blended_cached_90_usd_per_mtok"]) == 1.46  # (3 (0.1 + 0.18) + 5) / 4


def test_a_blend_of_an_unknown_cache_price_is_unknown(models: Models) -> None:
    (row,) = blended(models, line("v3", cache_read_usd_per_mtok=None)).iter_rows(named=True)
    assert float(row["blended_usd_per_mtok"]) == 2
    assert row["blended_cached_50_usd_per_mtok"] is None


def test_prices_by_the_hour_weigh_by_their_hours_and_speak_before_the_price_of_a_day(models: Models) -> None:
    peak = line("chat", utc_window="00:30-07:30", is_primary=False, source_id="genai_prices")
    rest = {**peak, "utc_window": "07:30-00:30", "input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2.5}
    (row,) = blended(models, line("chat"), peak, {**rest, "cache_read_usd_per_mtok": None}).iter_rows(
        named=True
    )
    # 7 hours at 1 and 17 at 0.5; 7 at 5 and 17 at 2.5.
    assert float(row["input_usd_per_mtok"]) == pytest.approx(15.5 / 24, abs=1e-9)
    assert float(row["output_usd_per_mtok"]) == pytest.approx(77.5 / 24, abs=1e-9)
    assert row["cache_read_usd_per_mtok"] is None
    assert (row["window_count"], row["source_id"]) == (2, "genai_prices")


def test_windows_that_leave_a_part_of_the_day_open_give_no_price(models: Models) -> None:
    peak = line("chat", utc_window="01:00-08:00", is_primary=False)
    assert blended(models, peak, {**peak, "utc_window": "10:00-16:00"}).is_empty()


def test_prices_by_the_hour_that_nobody_looked_at_for_a_week_yield(models: Models) -> None:
    peak = line("chat", utc_window="00:30-07:30", is_primary=False, age_days=8)
    (row,) = blended(models, line("chat"), peak, {**peak, "utc_window": "07:30-00:30"}).iter_rows(named=True)
    assert row["window_count"] == 1


def test_other_terms_are_rows_of_their_own(models: Models) -> None:
    batch = line(
        "v3", service_tier="batch", is_primary=False, input_usd_per_mtok=0.5, output_usd_per_mtok=2.5
    )
    found = blended(models, line("v3"), batch, {**batch, "model_raw": "v3-long", "input_usd_per_mtok": 9.0})
    assert found["service_tier"].to_list() == ["batch", "standard"]
    assert [float(usd) for usd in found["blended_usd_per_mtok"]] == [1, 2]


# --- What a model costs


def model_prices(models: Models, *offers: list[dict[str, Any]], **values: Any) -> pl.DataFrame:
    given_rows = {"token_prices_blended_daily": rows(row for offer in offers for row in offer)}
    return only(models, given_rows, "int_model_prices__monthly", **values)


JANUARY = ("2026-01-01", "2026-01-31")


def test_a_promotion_shorter_than_a_month_does_not_count(models: Models) -> None:
    found = model_prices(
        models,
        asked("gpt", "openai", 4.0, "2026-01-01", "2026-01-10"),
        asked("gpt", "openai", 1.0, "2026-01-11", "2026-01-31"),
        asked("gpt", "openai", 1.0, "2026-02-01", "2026-02-28"),
    ).sort("price_month")
    assert found["usd_per_mtok"].to_list() == [4, 1]
    assert found["any_offer_usd_per_mtok"].to_list() == [1, 1]


def test_a_price_of_one_reseller_counts_once_another_asks_no_more(models: Models) -> None:
    lone = model_prices(models, asked("llama", "groq", 1.0, *JANUARY, lab_id="meta"))
    assert lone["usd_per_mtok"].to_list() == [None]
    backed = model_prices(
        models,
        asked("llama", "groq", 1.0, *JANUARY, lab_id="meta"),
        asked("llama", "together", 2.0, *JANUARY, lab_id="meta"),
        asked("llama", "deepinfra", 3.0, *JANUARY, lab_id="meta"),
    )
    assert backed.select("usd_per_mtok", "host_id", "host_count").row(0) == (2, "together", 3)


def test_the_lab_itself_needs_nobody(models: Models) -> None:
    found = model_prices(models, asked("gpt", "openai", 1.0, *JANUARY), asked("gpt", "azure", 3.0, *JANUARY))
    assert found.select("usd_per_mtok", "host_id", "list_usd_per_mtok").row(0) == (1, "openai", 1)


def test_a_seller_of_less_than_a_week_or_gone_at_the_end_of_the_month_does_not_count(models: Models) -> None:
    found = model_prices(
        models,
        asked("gpt", "openai", 9.0, *JANUARY),
        asked("new", "openai", 1.0, "2026-01-26", "2026-01-31"),
        asked("gone", "openai", 1.0, "2026-01-01", "2026-01-30"),
    )
    assert found["model_id"].to_list() == ["gpt"]


# --- What a capability costs


def capability_prices(
    models: Models, scores: Iterable[dict[str, Any]], prices: Mapping[tuple[str, str], float], **values: Any
) -> pl.DataFrame:
    """``prices``: USD by (month, model)."""
    return only(
        models,
        {"leaderboard_scores_daily": rows(scores), "int_model_prices__monthly": priced(prices)},
        "capability_prices_monthly",
        **values,
    ).sort("price_month")


def priced(prices: Mapping[tuple[str, str], float], **others: Any) -> pl.DataFrame:
    known = {"host_id": "host", "host_count": 1, "is_seen": True, "is_offered_free": False}
    return rows(
        {
            "price_month": day(f"{month}-01"),
            "price_date": day(f"{month}-28"),
            "model_id": model,
            "usd_per_mtok": usd,
            "any_offer_usd_per_mtok": usd,
            "list_usd_per_mtok": usd,
            **known,
            **others,
        }
        for (month, model), usd in prices.items()
    )


SNAPSHOT = [
    score(GPT_4, 1186, "2024-07-01"),
    score("Better", 1250, "2024-07-01"),
    score("Best", 1300, "2024-07-01"),
]


def test_the_cheapest_model_at_or_above_the_level_sets_its_price(models: Models) -> None:
    worse = score("Worse", 1185, "2024-07-01")
    prices = {
        ("2024-07", GPT_4): 37.5,
        ("2024-07", "better"): 2.0,
        ("2024-07", "best"): 8.0,
        ("2024-07", "worse"): 0.1,
    }
    (row,) = capability_prices(models, [*SNAPSHOT, worse], prices, level_id=GPT_4).iter_rows(named=True)
    assert (float(row["usd_per_mtok"]), row["model_id"]) == (2, "better")
    assert (row["eligible_model_count"], row["priced_model_count"], row["status"]) == (3, 3, "final")
    assert row["reference_score"] == 1186


def test_scores_of_two_snapshots_are_never_compared(models: Models) -> None:
    # In August the whole scale lies 30 points higher: 1200 is below the reference then.
    july = [*SNAPSHOT, *(score(f"old-{number}", 1000, "2024-07-01") for number in range(5))]
    august = [{**row, "score_date": day("2024-08-01"), "score": row["score"] + 30} for row in july]
    fooled = score("Fooled", 1200, "2024-08-01")
    prices = {
        (month, model): usd
        for month in ("2024-07", "2024-08")
        for model, usd in [(GPT_4, 37.5), ("better", 2.0), ("best", 8.0), ("fooled", 0.1)]
    }
    found = capability_prices(models, [*july, *august, fooled], prices, level_id=GPT_4)
    assert found["model_id"].to_list() == ["better", "better"]
    assert found["reference_score"].to_list() == [1186, 1216]


def test_the_price_may_rise_and_a_record_is_lower_than_all_before(models: Models) -> None:
    path = {"2024-07": 4.0, "2024-08": 2.0, "2024-09": 3.0, "2024-10": 2.0, "2024-11": 1.0}
    prices = {(month, "better"): usd for month, usd in path.items()}
    prices |= {(month, model): 50.0 for month in path for model in (GPT_4, "best")}
    found = capability_prices(models, SNAPSHOT, prices, level_id=GPT_4)
    assert [float(usd) for usd in found["usd_per_mtok"]] == list(path.values())
    assert found["is_record"].to_list() == [True, True, False, False, True]


def test_a_level_with_fewer_than_three_models_ever_on_sale_has_no_price(models: Models) -> None:
    prices = {("2024-07", GPT_4): 37.5, ("2024-07", "best"): 8.0}
    (row,) = capability_prices(models, SNAPSHOT, prices, level_id=GPT_4).iter_rows(named=True)
    assert row["usd_per_mtok"] is None
    assert row["model_id"] is None
    assert (row["status"], row["status_reason"]) == (
        "suppressed",
        "fewer than 3 models of the class were ever sold",
    )


@pytest.mark.parametrize(("seen", "status"), [(4, "final"), (3, "final"), (2, "imputed"), (1, "suppressed")])
def test_prices_older_than_the_month_make_it_imputed_then_suppressed(
    models: Models, seen: int, status: str
) -> None:
    fourth = score("Fourth", 1260, "2024-07-01")
    names = [GPT_4, "better", "best", "fourth"]
    prices = priced({("2024-07", name): 1.0 for name in names}).with_columns(
        is_seen=pl.Series([number < seen for number in range(4)])
    )
    given_rows = {"leaderboard_scores_daily": rows([*SNAPSHOT, fourth]), "int_model_prices__monthly": prices}
    (row,) = only(models, given_rows, "capability_prices_monthly", level_id=GPT_4).iter_rows(named=True)
    assert row["status"] == status
    assert (row["usd_per_mtok"] is None) == (status == "suppressed")


def test_on_a_fixed_test_a_score_stands_from_its_day_on(models: Models) -> None:
    scores = [solved("a", 55, "2025-01-10"), solved("b", 61, "2025-02-10"), solved("c", 50, "2025-03-10")]
    scores.append(solved("d", 49.9, "2025-01-01"))
    prices = {
        (month, model): usd
        for month in ("2025-01", "2025-02", "2025-03")
        for model, usd in [("a", 3.0), ("b", 2.0), ("c", 1.0), ("d", 0.1)]
    }
    found = capability_prices(models, scores, prices, level_id="50 percent")
    assert found["model_id"].to_list() == ["a", "b", "c"]


def test_of_several_entries_of_a_model_the_best_speaks(models: Models) -> None:
    entries = [
        solved("o3 (low)", 45, "2025-01-01", model_id="o3"),
        solved("o3 (high)", 70, "2025-01-01", model_id="o3"),
    ]
    others = [solved("x", 80, "2025-01-01"), solved("y", 80, "2025-01-01")]
    prices = {("2025-01", "o3"): 1.0, ("2025-01", "x"): 2.0, ("2025-01", "y"): 2.0}
    found = capability_prices(models, [*entries, *others], prices, level_id="70 percent")
    assert found["model_id"].to_list() == ["o3"]


# --- How fast it falls

MONTHS = [f"{2024 + number // 12}-{number % 12 + 1:02}" for number in range(24)]


def falling(path: Iterable[float]) -> dict[tuple[str, str], float]:
    """Prices by which the level costs ``path``, month by month; two dear models make it a class."""
    prices = {}
    for month, usd in zip(MONTHS, path, strict=False):
        prices |= {(month, "better"): usd, (month, GPT_4): 1000.0, (month, "best"): 1000.0}
    return prices


def rates(models: Models, prices: Mapping[tuple[str, str], float], *scores: dict[str, Any]) -> pl.DataFrame:
    table = [{**row, "score_date": day("2024-01-01")} for row in (*SNAPSHOT, *scores)]
    given_rows = {"leaderboard_scores_daily": rows(table), "int_model_prices__monthly": priced(prices)}
    return only(models, given_rows, "capability_price_rates", board_id=ARENA, level_id=GPT_4)


def values(found: pl.DataFrame, column: str) -> dict[str, Any]:
    return dict(found.select("rate_method", column).iter_rows())


@few
@given(seeds)
def test_the_three_rates_are_those_of_the_textbook(models: Models, seed: int) -> None:
    random = Random(seed)
    path = [20 * math.exp(-0.1 * at + random.gauss(0, 0.3)) for at in range(24)]
    found = rates(models, falling(path))
    days = [day(f"{month}-28") for month in MONTHS]
    years = np.array([(at - days[0]).days / 365.25 for at in days])
    # Prices are published to six decimals.
    logs = np.log(np.round(path, 6))
    low = np.minimum.accumulate(logs)
    records = np.flatnonzero(np.r_[True, logs[1:] < low[:-1]])
    expected = {
        "record_regression": np.polyfit(years[records], logs[records], 1)[0],
        "theil_sen": theilslopes(logs, years).slope,
        "end_to_end": (logs[-1] - logs[0]) / years[-1],
    }
    assert values(found, "log_change_per_year") == pytest.approx(expected, abs=2e-6)
    assert set(values(found, "record_count").values()) == {len(records)}


def test_a_geometric_fall_has_one_rate_in_three_ways(models: Models) -> None:
    # A tenth of the price every 365.25 days.
    days = [(day(f"{month}-28") - day("2024-01-28")).days for month in MONTHS]
    found = rates(models, falling([100 * 10 ** (-at / 365.25) for at in days]))
    assert list(values(found, "fall_factor_per_year").values()) == pytest.approx([10] * 3, rel=1e-4)


def test_without_noise_and_with_one_model_all_draws_agree(models: Models) -> None:
    exact = [
        {**row, "score_date": day("2024-01-01"), "score_low": None, "score_high": None} for row in SNAPSHOT
    ]
    prices = falling(0.9**at for at in range(24))
    given_rows = {"leaderboard_scores_daily": rows(exact), "int_model_prices__monthly": priced(prices)}
    found = only(models, given_rows, "capability_price_rates", board_id=ARENA, level_id=GPT_4)
    # A draw holds the falling model with probability 0.63; others hold dear ones, whose price stands still.
    low = values(found, "log_change_per_year_low")["theil_sen"]
    high = values(found, "log_change_per_year_high")["theil_sen"]
    point = values(found, "log_change_per_year")["theil_sen"]
    assert low == pytest.approx(point)
    assert high == 0
    # All three are missing in 5 % of the draws.
    assert values(found, "draw_count")["theil_sen"] == pytest.approx(1000 * (1 - math.exp(-3)), abs=30)
    # Only draws with the falling model have records to draw a line through.
    assert values(found, "draw_count")["record_regression"] == pytest.approx(
        1000 * (1 - math.exp(-1)), abs=60
    )


def test_a_model_just_below_the_level_reaches_it_in_some_draws(models: Models) -> None:
    # It costs 0.5 and lies 7.33 points below; with errors of 5 points on both sides it reaches the level with
    # probability norm.cdf(-7.33 / 7.07) = 0.15. Drawn with the model at 10 (in 0.06 of the draws) it makes
    # the price fall from 10 to 0.5, without it from 1000 (in 0.03): one draw in twenty lies among the former.
    path = [10 * 0.93**at for at in range(24)]
    prices = falling(path) | {(month, "cheap"): 0.5 for month in MONTHS[12:]}
    years = (day("2025-12-28") - day("2024-01-28")).days / 365.25
    noisy = rates(models, prices, score("Cheap", 1186 - 7.33, "2024-01-01"))
    assert values(noisy, "log_change_per_year_low")["end_to_end"] == pytest.approx(
        math.log(0.5 / 10) / years, abs=1e-5
    )
    sure = rates(models, prices, score("Cheap", 1186 - 60, "2024-01-01"))
    assert values(sure, "log_change_per_year_low")["end_to_end"] == pytest.approx(
        math.log(path[-1] / 10) / years, abs=1e-5
    )


def test_few_records_or_months_give_no_rate(models: Models) -> None:
    two_records = rates(models, falling([9.0] * 12 + [3.0] * 12))
    assert set(values(two_records, "status_reason").values()) == {"fewer than 3 records"}
    eight_months = rates(models, falling([9.0, 8, 7, 6, 5, 4, 3, 2]))
    assert set(values(eight_months, "status_reason").values()) == {"less than 9 months"}
    early = values(rates(models, falling([9.0, 8, 7] + [7.5] * 21)), "status")
    assert early == {"record_regression": "suppressed", "theil_sen": "final", "end_to_end": "final"}


# --- Price against performance


@few
@given(seeds)
def test_nothing_on_the_frontier_is_beaten_and_everything_off_it_is(models: Models, seed: int) -> None:
    random = Random(seed)
    names = [f"m{number}" for number in range(12)]
    points = {name: float(random.randint(1000, 1010)) for name in names}
    prices = {name: float(random.randint(1, 6)) for name in names}
    given_rows = {
        "leaderboard_scores_daily": rows(score(name, points[name], "2024-07-01") for name in names),
        "int_model_prices__monthly": priced({("2024-07", name): usd for name, usd in prices.items()}),
    }
    found = set(only(models, given_rows, "price_performance_frontier")["model_id"])
    for name in names:
        others = [other for other in names if (points[other], prices[other]) != (points[name], prices[name])]
        is_beaten = any(points[o] >= points[name] and prices[o] <= prices[name] for o in others)
        twins = [o for o in names if (points[o], prices[o]) == (points[name], prices[name])]
        assert (name in found) == (not is_beaten and name == min(twins))


# --- Snapshots that fit together

ANCHORS = [f"anchor-{number}" for number in range(6)]


def snapshot(on: str, shift: float, *others: dict[str, Any], wild: float = 0) -> list[dict[str, Any]]:
    """Six anchors, moved by ``shift``, every other one by ``wild`` more."""
    anchors = [
        score(name, 1000 + 40 * number + shift + (wild if number % 2 else 0), on)
        for number, name in enumerate(ANCHORS)
    ]
    return [*anchors, *others]


def snapshots(models: Models, *tables: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    given_rows = {"leaderboard_scores_daily": rows(row for table in tables for row in table)}
    found = only(models, given_rows, "int_board_snapshots").sort("score_date")
    return list(found.select("score_date", "scale_number", "scale_offset_points").iter_rows())


def test_a_shift_of_the_whole_scale_is_measured_and_added_up(models: Models) -> None:
    found = snapshots(
        models, snapshot("2025-01-01", 0), snapshot("2025-02-01", 3), snapshot("2025-03-01", 23, wild=4)
    )
    assert found == [(day("2025-01-01"), 1, 0), (day("2025-02-01"), 1, 3), (day("2025-03-01"), 1, 25)]


def test_a_snapshot_that_fits_neither_neighbour_is_left_out(models: Models) -> None:
    found = snapshots(
        models, snapshot("2025-01-01", 0), snapshot("2025-02-01", 0, wild=90), snapshot("2025-03-01", 5)
    )
    assert found == [(day("2025-01-01"), 1, 0), (day("2025-03-01"), 1, 5)]


def test_a_new_scale_that_lasts_is_kept_and_numbered(models: Models) -> None:
    found = snapshots(
        models,
        snapshot("2025-01-01", 0),
        snapshot("2025-02-01", 0, wild=90),
        snapshot("2025-03-01", 2, wild=90),
    )
    assert found == [(day("2025-01-01"), 1, 0), (day("2025-02-01"), 2, 0), (day("2025-03-01"), 2, 2)]


def test_models_with_few_votes_link_nothing(models: Models) -> None:
    march = [{**row, "vote_count": 4999} for row in snapshot("2025-02-01", 3)]
    assert [row[0] for row in snapshots(models, snapshot("2025-01-01", 0), march)] == [day("2025-01-01")]


def test_of_two_mirrors_of_a_day_the_fuller_speaks(models: Models) -> None:
    mirror = [
        {**row, "board_version": "arena_catalog", "vote_count": None}
        for row in snapshot("2025-01-01", 0.4, score("new", 1400, "2025-01-01"))
    ]
    given_rows = {"leaderboard_scores_daily": rows([*snapshot("2025-01-01", 0), *mirror])}
    assert set(only(models, given_rows, "int_board_scores")["board_version"]) == {"arena_catalog"}


# --- Open against closed


def crowd(on: str, closed: int = 17, open_count: int = 3) -> list[dict[str, Any]]:
    """Models enough for a gap, all far below the leaders."""
    return [score(f"closed-{number}", 900 + number, on) for number in range(closed)] + [
        open_score(f"open-{number}", 900 + number, on) for number in range(open_count)
    ]


def gap(models: Models, *scores: dict[str, Any]) -> dict[str, Any]:
    given_rows = {"leaderboard_scores_daily": rows(scores)}
    (row,) = only(models, given_rows, "capability_gap_daily", board_id=ARENA).iter_rows(named=True)
    return row


def test_the_gap_is_the_best_closed_less_the_best_open(models: Models) -> None:
    leaders = [
        score("Gemini", 1400, "2025-06-01", organization_raw="Google"),
        score("Grok", 1390, "2025-06-01", organization_raw="xAI"),
        score("o3", 1375, "2025-06-01", organization_raw="OpenAI"),
        open_score("DeepSeek", 1385, "2025-06-01", organization_raw="DeepSeek"),
    ]
    row = gap(models, *crowd("2025-06-01"), *leaders)
    assert (row["gap_points"], row["closed_model_raw"], row["open_model_raw"]) == (15, "Gemini", "DeepSeek")
    # Each interval of 95 % is 9.8 wide on a side: an error of 5, of the difference 5 times the root of 2.
    assert row["probability_closed_leads"] == pytest.approx(norm.cdf(15 / (5 * math.sqrt(2))), abs=1e-6)
    assert [row[f"labs_within_{points}_points"] for points in (10, 25, 50)] == [2, 4, 4]
    assert (row["rated_count"], row["open_count"], row["status"]) == (24, 4, "final")


def test_weights_that_came_later_were_not_open_while_the_board_called_the_model_proprietary(
    models: Models,
) -> None:
    grok = open_score("Grok-2", 1395, "2025-06-01", license_raw="Proprietary")
    row = gap(models, *crowd("2025-06-01"), grok, score("GPT", 1390, "2025-06-01"))
    assert (row["closed_model_raw"], row["open_model_raw"]) == ("Grok-2", "open-2")


def test_a_model_nobody_knows_open_or_closed_counts_on_neither_side(models: Models) -> None:
    unknown = score("Stealth", 1500, "2025-06-01", is_open_weights=None, license_raw=None)
    row = gap(models, *crowd("2025-06-01"), unknown, score("GPT", 1390, "2025-06-01"))
    assert (row["closed_model_raw"], row["unknown_count"]) == ("GPT", 1)


@pytest.mark.parametrize(
    ("closed", "open_count", "reason"),
    [(16, 3, "fewer than 20 rated models"), (18, 2, "fewer than 3 open models"), (0, 20, "no closed model")],
)
def test_too_few_models_give_no_gap(models: Models, closed: int, open_count: int, reason: str) -> None:
    row = gap(models, *crowd("2025-06-01", closed, open_count))
    assert (row["status"], row["status_reason"], row["gap_points"]) == ("suppressed", reason, None)


# --- Catching up


def lags(models: Models, *tables: list[dict[str, Any]], **values: Any) -> pl.DataFrame:
    given_rows = {
        "leaderboard_scores_daily": rows(row for table in tables for row in table),
        "models": rows([{"model_id": "leader", "release_date": day("2025-01-05")}, {"model_id": "chaser"}]),
    }
    return only(models, given_rows, "catch_up_lags", **values)


def race(on: str, leader: float, chaser: float, votes: int = 10_000) -> list[dict[str, Any]]:
    runners = [score("Leader", leader, on), open_score("Chaser", chaser, on, vote_count=votes)]
    return [*crowd(on), *runners]


def lag(models: Models, *tables: list[dict[str, Any]], criterion: str = "first") -> dict[str, Any]:
    (row,) = lags(models, *tables, reference_model="leader", criterion=criterion).iter_rows(named=True)
    return row


START = [*crowd("2025-01-01"), score("Old", 1000, "2025-01-01")]


def test_the_lag_runs_from_the_release_to_the_first_date_with_an_open_model_as_good(models: Models) -> None:
    # On 1 March the open model has what the leader had in February, but not what it has now.
    row = lag(
        models,
        START,
        race("2025-02-01", 1200, 1150),
        race("2025-03-01", 1230, 1200),
        race("2025-04-01", 1230, 1230),
    )
    assert (row["caught_up_date"], row["open_model_raw"]) == (day("2025-04-01"), "Chaser")
    assert (row["release_date"], row["release_basis"]) == (day("2025-01-05"), "seed")
    assert row["lag_days"] == 86  # 26 days of January, 28 of February, 31 of March, 1 of April
    assert not row["is_censored"]


def test_the_strict_criterion_wants_votes_and_a_second_date(models: Models) -> None:
    tables = [
        START,
        race("2025-02-01", 1200, 1200, votes=2999),
        race("2025-03-01", 1200, 1200),
        race("2025-04-01", 1200, 1199),
        race("2025-05-01", 1200, 1201),
        race("2025-06-01", 1200, 1201),
    ]
    assert lag(models, *tables)["caught_up_date"] == day("2025-02-01")
    assert lag(models, *tables, criterion="strict")["caught_up_date"] == day("2025-05-01")
    assert lag(models, *tables[:-1], criterion="strict")["is_censored"]


def test_a_model_not_caught_up_with_stays_with_the_time_it_was_watched(models: Models) -> None:
    row = lag(
        models,
        START,
        race("2025-02-01", 1200, 1100),
        [*crowd("2025-03-01"), score("Old", 1000, "2025-03-01")],
    )
    assert (row["is_censored"], row["caught_up_date"], row["lag_days"]) == (True, None, 27)


def test_a_model_caught_up_with_when_the_board_begins_is_left_censored(models: Models) -> None:
    row = lag(models, race("2025-02-01", 1200, 1200), race("2025-03-01", 1200, 1200))
    assert (row["is_left_censored"], row["lag_days"], row["unseen_days"]) == (True, 27, 27)


@pytest.mark.parametrize(
    ("name", "released", "basis"),
    [
        ("o1-2024-12-17", "2024-12-17", "its name"),
        ("chatgpt-4o-latest (2024-11-20)", "2024-11-20", "its name"),
        ("claude-20241022 (32k thinking)", "2024-10-22", "its name"),
        ("gemini-exp-1206", "2024-12-06", "its name"),
        ("gemini-2.5-pro-preview-01-21", "2025-01-21", "its name"),
        ("mystery", "2025-02-01", "first rating"),
        ("mystery-9999", "2025-02-01", "first rating"),
    ],
)
def test_a_date_in_the_name_is_the_release(models: Models, name: str, released: str, basis: str) -> None:
    leader = [*crowd("2025-02-01"), score(name, 1300, "2025-02-01")]
    (row,) = lags(models, START, leader, reference_model=name, criterion="first").iter_rows(named=True)
    assert (row["release_date"], row["release_basis"]) == (day(released), basis)


def test_the_price_of_catching_up_is_that_of_the_open_model_then(models: Models) -> None:
    scores = [*START, *race("2025-02-01", 1200, 1100), *race("2025-03-01", 1200, 1200)]
    prices = priced(
        {
            ("2025-03", "leader"): 8.0,
            ("2025-04", "leader"): 6.0,
            ("2025-04", "chaser"): 0.5,
            ("2025-05", "chaser"): 0.1,
        }
    )
    given_rows = {"leaderboard_scores_daily": rows(scores), "int_model_prices__monthly": prices}
    found = only(models, given_rows, "catch_up_lags", reference_model="leader", criterion="first")
    (row,) = found.iter_rows(named=True)
    assert (row["price_month"], float(row["open_usd_per_mtok"])) == (day("2025-04-01"), 0.5)
    assert float(row["reference_usd_per_mtok"]) == 6


def medians(models: Models, subjects: Iterable[tuple[int, bool, int]], left: int = 0) -> dict[str, Any]:
    """``subjects``: days, whether caught up with, days unseen; ``left`` more are left-censored."""
    known = {"board_id": ARENA, "criterion": "first", "last_rated_date": day("2025-06-01")}
    table = [
        {
            **known,
            "lag_days": days,
            "is_censored": not caught,
            "is_left_censored": False,
            "unseen_days": unseen,
        }
        for days, caught, unseen in subjects
    ]
    early = {**known, "lag_days": 9, "is_censored": False, "is_left_censored": True, "unseen_days": 9}
    (row,) = only(models, {"catch_up_lags": rows([*table, *[early] * left])}, "catch_up_medians").iter_rows(
        named=True
    )
    return row


def kaplan_meier(subjects: list[tuple[int, bool, int]]) -> list[tuple[int, float]]:
    """Share not yet caught up with after each day of an event, counted subject by subject."""
    share, steps = 1.0, []
    for event_day in sorted({days for days, caught, _ in subjects if caught}):
        watched = [s for s in subjects if s[0] >= event_day and (s[2] < event_day or s[2] == 0)]
        caught_now = [s for s in watched if s[0] == event_day and s[1]]
        share *= 1 - len(caught_now) / len(watched)
        steps.append((event_day, share))
    return steps


subjects_watched = st.lists(st.tuples(st.integers(1, 60), st.booleans(), st.just(0)), min_size=5, max_size=20)


@few
@given(subjects_watched)
def test_the_median_and_its_interval_are_those_of_scipy(
    models: Models, subjects: list[tuple[int, bool, int]]
) -> None:
    row = medians(models, subjects, left=2)
    events = [days for days, caught, _ in subjects if caught]
    censored = [days for days, caught, _ in subjects if not caught]
    survival = ecdf(CensoredData(uncensored=events, right=censored)).sf
    reached = [
        at for at, share in zip(survival.quantiles, survival.probabilities, strict=True) if share <= 0.5
    ]
    assert row["median_lag_days"] == (min(reached) if reached else None)
    assert (row["status"] == "suppressed") == (not reached)
    assert (row["caught_up_count"], row["censored_count"], row["left_censored_count"]) == (
        len(events),
        len(censored),
        2,
    )
    if reached:
        with warnings.catch_warnings():
            # The interval is not defined where nobody or everybody is caught up with.
            warnings.simplefilter("ignore", RuntimeWarning)
            bounds = survival.confidence_interval(confidence_level=0.9, method="log-log")
        for side, bound in (("low", bounds.low), ("high", bounds.high)):
            shares = np.nan_to_num(bound.probabilities)
            crossed = [at for at, share in zip(bound.quantiles, shares, strict=True) if share <= 0.5]
            days = [at for at in crossed if at in events]
            assert row[f"median_lag_days_{side}"] == (min(days) if days else None)


@few
@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.booleans(), st.integers(0, 30)).filter(lambda s: s[2] < s[0]),
        min_size=5,
        max_size=20,
    )
)
def test_a_model_is_at_risk_only_while_it_is_watched(
    models: Models, subjects: list[tuple[int, bool, int]]
) -> None:
    reached = [at for at, share in kaplan_meier(subjects) if share <= 0.5 + 1e-12]
    assert medians(models, subjects)["median_lag_days"] == (min(reached) if reached else None)


def test_fewer_than_five_references_give_no_median(models: Models) -> None:
    row = medians(models, [(10, True, 0)] * 4, left=3)
    assert (row["median_lag_days"], row["status_reason"]) == (None, "fewer than 5 references")
