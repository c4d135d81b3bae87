"""Change or correction: the judgement of price steps against labelled real ones, an independent count, and
stories whose answer is known."""

from __future__ import annotations

import csv
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from tests.models import Models
from warehouse.settings import HISTORY

pytestmark = pytest.mark.xdist_group("models")

LABELLED = Path(__file__).parent / "labelled"
LABELS = list(csv.DictReader((LABELLED / "price_steps.csv").read_text().splitlines()))
LEAST_RIGHT = 0.98
SMALL_CHANGE = 0.6
"""A true change by less than this share must never be held back."""
FIRST_DAY = datetime(2026, 1, 1, 6, tzinfo=UTC)
LONGEST_SILENCE_DAYS = 400
"""A GPU price last seen longer ago is not compared with."""

Built = Mapping[str, pl.DataFrame]


def bundled(table: str) -> pl.DataFrame:
    """A table of the bundled history, and of the sources that only the labels know, as staging shows it."""
    files = [*HISTORY.glob(f"{table}/*/*/*.parquet")]
    sources = {file.parent.parent.name.removeprefix("source=") for file in files}
    extra = LABELLED / "genai_prices" / f"{table}.parquet"
    if extra.exists() and "genai_prices" not in sources:
        files.append(extra)
    return staged(pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files]))


def staged(frame: pl.DataFrame) -> pl.DataFrame:
    """Instants in UTC without a zone, the form of every `_at` column of the project."""
    instants = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    return frame.with_columns(pl.col(name).dt.replace_time_zone(None) for name in instants)


@pytest.fixture(scope="module")
def judged(models: Models) -> Built:
    tables = ("token_prices", "gpu_offers", "readings", "quarantine")
    given = {f"stg_{table}": bundled(table) for table in tables}
    return models.build(
        given, "price_steps", "corrections", "fct_gpu_offer_prices_daily", "int_readings__current"
    )


@pytest.fixture(scope="module")
def steps(judged: Built) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Steps by source, series and instant."""
    rows = judged["price_steps"].to_dicts()
    return {(row["source_id"], row["series_key"], str(row["step_at"])): row for row in rows}


Steps = Mapping[tuple[str, str, str], dict[str, Any]]


def test_at_least_98_percent_of_the_labelled_steps_are_classed_right(
    steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(LABELS) >= 150
    confusion: Counter[tuple[str, str]] = Counter()
    strata: dict[str, Counter[bool]] = defaultdict(Counter)
    wrong = []
    for label in LABELS:
        step = steps[label["source_id"], label["series_key"], label["step_at"]]
        is_right = step["step_class"] == label["label"]
        confusion[label["label"], step["step_class"]] += 1
        strata[label["stratum"]][is_right] += 1
        if not is_right:
            place = f"{label['source_id']} {label['series_key']} {label['step_at']}"
            wrong.append(f"{place}: {label['label']}, not {step['step_class']} ({step['rule_id']})")
    by_stratum = [f"{name:<28}{hits[True]:>4} of {hits.total():>4}" for name, hits in strata.items()]
    with capsys.disabled():
        sys.stdout.write("\n".join([confusion_table(confusion), *by_stratum, *wrong, ""]))
    assert 1 - len(wrong) / len(LABELS) >= LEAST_RIGHT


def confusion_table(confusion: Counter[tuple[str, str]]) -> str:
    classes = sorted({name for pair in confusion for name in pair})
    lines = [f"{'labelled / found':<20}" + "".join(f"{name[:11]:>12}" for name in classes)]
    lines += [
        f"{true:<20}" + "".join(f"{confusion[true, found] or '':>12}" for found in classes)
        for true in classes
    ]
    return "\n".join(["", *lines])


def test_no_true_change_of_less_than_60_percent_is_held_back(steps: Steps) -> None:
    held_back = [
        label
        for label in LABELS
        if label["label"] == "change"
        and abs(Decimal(label["next_usd"]) / Decimal(label["previous_usd"]) - 1) < Decimal(str(SMALL_CHANGE))
        and steps[label["source_id"], label["series_key"], label["step_at"]]["step_class"] != "change"
    ]
    assert held_back == []


def test_every_labelled_step_of_a_factor_of_eight_in_the_bundle_is_labelled(judged: Built) -> None:
    labelled = {(label["source_id"], label["series_key"], label["step_at"]) for label in LABELS}
    large = judged["price_steps"].filter((pl.col("ratio") >= 8) | (pl.col("ratio") <= 1 / 8))
    large = large.filter(pl.col("market") == "token")
    assert large.height >= 116
    missing = [
        (row["series_key"], row["step_at"])
        for row in large.to_dicts()
        if (row["source_id"], row["series_key"], str(row["step_at"])) not in labelled
        and row["source_id"] != "genai_prices"
    ]
    assert missing == []


# --- the same steps, counted by hand: series by series, reading by reading ---


class Sight(NamedTuple):
    """A price of a series from one instant to another."""

    begun_at: Any
    ended_at: Any
    price: Decimal


def token_series(prices: pl.DataFrame) -> dict[tuple[str, str, str], list[Sight]]:
    """Sights by source, reading scope and series, in time."""
    series = defaultdict(list)
    for row in prices.filter(pl.col("evidence") != "estimate").sort("observed_at").to_dicts():
        terms = [row["host_raw"], row["model_raw"], row["component"]]
        terms += [row["unit"]] if row["unit"] != "usd_per_mtok" else []
        terms += [row["service_tier"]] if row["service_tier"] != "standard" else []
        terms += [f"from {row['min_context_tokens']}"] if row["min_context_tokens"] else []
        terms += [row["utc_window"] or "", row["quantization"] or ""]
        key = (row["source_id"], row["reading_scope"], " | ".join(filter(None, terms)))
        series[key].append(Sight(row["observed_at"], row["observed_until"], row["usd_amount"]))
    return series


def token_steps(
    series: Mapping[Any, Sequence[Sight]], read_at: Mapping[Any, Sequence[Any]]
) -> set[tuple[Any, ...]]:
    found = set()
    for (source, scope, key), sights in series.items():
        next_read = dict(zip(read_at[source, scope], read_at[source, scope][1:], strict=False))
        for before, sight in zip([None, *sights], sights, strict=False):
            is_back = before is not None and next_read[before.ended_at] < sight.begun_at
            if is_back:
                found.add((source, key, str(next_read[before.ended_at])))
            if before is None or is_back or before.price != sight.price:
                found.add((source, key, str(sight.begun_at)))
        if sights[-1].ended_at in next_read:
            found.add((source, key, str(next_read[sights[-1].ended_at])))
    return found


def test_every_step_of_every_bundled_token_series_is_there_once(judged: Built) -> None:
    readings = (
        bundled("readings")
        .filter(pl.col("contract") == "token_prices")
        .sort("read_at")
        .unique(["source_id", "reading_scope", "read_at"], maintain_order=True)
    )
    read_at = defaultdict(list)
    for row in readings.to_dicts():
        read_at[row["source_id"], row["reading_scope"]].append(row["read_at"])
    expected = token_steps(token_series(bundled("token_prices")), read_at)
    found = judged["price_steps"].filter(pl.col("market") == "token")
    assert found.height > 15_000
    assert Counter(keys_of(found)) == Counter(expected)


def keys_of(steps: pl.DataFrame) -> Iterable[tuple[Any, ...]]:
    return [(row["source_id"], row["series_key"], str(row["step_at"])) for row in steps.to_dicts()]


def test_every_step_of_every_bundled_gpu_offer_is_there_once(judged: Built) -> None:
    read_on = defaultdict(set)
    for row in judged["int_readings__current"].filter(pl.col("contract") == "gpu_offers").to_dicts():
        read_on[row["source_id"], row["reading_scope"]].add(row["read_date"])
    series = defaultdict(list)
    for row in judged["fct_gpu_offer_prices_daily"].filter(pl.col("evidence") != "estimate").to_dicts():
        series[row["source_id"], row["offer_key"], row["reading_scope"]].append(
            (row["price_date"], row["usd_per_hour"])
        )
    expected = set()
    for (source, key, scope), days in series.items():
        expected |= {
            (source, key, f"{day} 00:00:00") for day in gpu_steps(sorted(days), read_on[source, scope])
        }
    found = judged["price_steps"].filter(pl.col("market") == "gpu")
    assert found.height > 2_000
    assert Counter(keys_of(found)) == Counter(expected)


def gpu_steps(days: Sequence[tuple[date, Decimal]], read_on: set[date]) -> Iterable[date]:
    """Days on which an offer is first seen, costs another sum, is missed by a reading, or is back."""
    one_day = timedelta(days=1)
    for before, (day, price) in zip([None, *days], days, strict=False):
        if before is None:
            yield day
            continue
        last_day, last_price = before
        missed = [d for d in read_on if last_day < d < day]
        if missed and (min(missed) - last_day - one_day).days <= LONGEST_SILENCE_DAYS:
            yield min(missed)
        if missed or price != last_price or (day - last_day - one_day).days > LONGEST_SILENCE_DAYS:
            yield day
    missed = [d for d in read_on if d > days[-1][0]]
    if missed and (min(missed) - days[-1][0] - one_day).days <= LONGEST_SILENCE_DAYS:
        yield min(missed)


def test_the_known_traps_are_no_price_and_no_step(judged: Built) -> None:
    """Dataoorts' share of an H100 at 0.69, and prices RunPod left behind for cards it no longer holds."""
    offers = judged["fct_gpu_offer_prices_daily"]
    assert offers.filter(pl.col("provider_raw") == "Dataoorts").is_empty()
    left_behind = (pl.col("provider_raw") == "RunPod") & (pl.col("usd_per_gpu_hour") == 0.5)
    assert offers.filter(left_behind & pl.col("gpu_raw").str.contains("H200")).is_empty()
    seen = judged["price_steps"].filter(pl.col("seller_raw").is_in(["Dataoorts"]))
    assert seen.is_empty()


def test_every_correction_says_why_and_what_it_withholds(judged: Built) -> None:
    corrections = judged["corrections"]
    assert corrections["reason"].str.len_chars().min() > 10
    assert set(corrections["step_class"]) >= {
        "unit_repair",
        "revert",
        "zero_or_null_flip",
        "alias_move",
        "delisting",
    }
    groq = corrections.filter(pl.col("series_key") == "groq | groq/llama-3.1-8b-instant | input").to_dicts()
    assert [
        (row["withheld_usd"], str(row["withheld_from_date"]), str(row["withheld_until_date"])) for row in groq
    ] == [(Decimal("0.59"), "2024-07-25", "2024-10-17")]


# --- stories ---


def readings(*source_ids: str, days: int, contract: str = "token_prices") -> pl.DataFrame:
    """One reading a day of each source."""
    return staged(
        pl.DataFrame(
            {
                "contract": contract,
                "source_id": source_id,
                "reading_scope": "",
                "read_at": at,
                "recorded_at": at,
            }
            for source_id in source_ids
            for at in (FIRST_DAY + timedelta(days=day) for day in range(days))
        )
    )


def prices(*stretches: tuple[int, str | None], **values: Any) -> list[dict[str, Any]]:
    """Token prices polled daily: for so many days this price; None for days that do not show the line."""
    known = {
        "source_id": "models_dev",
        "reading_scope": "",
        "host_raw": "groq",
        "model_raw": "llama-3.3-70b-versatile",
        "component": "input",
        "unit": "usd_per_mtok",
        "service_tier": "standard",
        "min_context_tokens": 0,
        "is_free": False,
        "evidence": "listed",
        "payload_ref": "x",
    } | values
    rows, day = [], 0
    for days, price in stretches:
        for _ in range(days if price is not None else 0):
            at = FIRST_DAY + timedelta(days=day)
            seen = {
                "observed_at": at,
                "observed_until": at,
                "recorded_at": at,
                "usd_amount": Decimal(price or 0),
            }
            rows.append({**known, **seen, "is_free": known["is_free"] or Decimal(price or 0) == 0})
            day += 1
        day += days if price is None else 0
    return rows


def frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return staged(pl.DataFrame(rows, infer_schema_length=None))


def read_daily(source_id: str, days: int) -> pl.DataFrame:
    """Read every day of a story and once a month before it, so that what it begins with is new."""
    story = readings(source_id, days=days)
    early = story.head(1).with_columns(pl.col("read_at", "recorded_at") - timedelta(days=30))
    return pl.concat([early, story])


def told(models: Models, rows: list[dict[str, Any]], days: int = 200, **given: pl.DataFrame) -> list[str]:
    """Classes of the steps of one story, in time."""
    read = read_daily(rows[0]["source_id"], days)
    built = models.build({"stg_token_prices": frame(rows), "stg_readings": read, **given}, "price_steps")
    return built["price_steps"].sort("step_at")["step_class"].to_list()


def test_a_price_that_falls_and_returns_after_months_is_two_changes(models: Models) -> None:
    assert told(models, prices((60, "0.6"), (90, "0.4"), (50, "0.6"))) == ["new", "change", "change"]


def test_a_thousandfold_pair_within_days_is_a_repair_both_ways(models: Models) -> None:
    for after in ("0.6", "0.55"):
        story = prices((60, "0.6"), (4, "600"), (136, after))
        assert told(models, story) == ["new", "unit_repair", "unit_repair"]


def test_of_two_prices_a_thousandfold_apart_the_later_one_is_doubted_until_it_has_stood_two_weeks(
    models: Models,
) -> None:
    def doubted(days: int) -> list[Decimal]:
        rows = prices((60, "0.6"), (days, "600"))
        given = {"stg_token_prices": frame(rows), "stg_readings": read_daily("models_dev", 60 + days)}
        return models.build(given, "corrections")["corrections"]["withheld_usd"].to_list()

    assert doubted(days=5) == [Decimal("600")]
    assert doubted(days=20) == [Decimal("0.6")]


def test_a_price_taken_back_within_two_weeks_is_a_revert_in_a_list_and_two_changes_at_the_seller(
    models: Models,
) -> None:
    story = ((60, "0.6"), (9, "0.9"), (131, "0.6"))
    assert told(models, prices(*story)) == ["new", "revert", "revert"]
    own = {"source_id": "deepinfra", "host_raw": "deepinfra", "evidence": "polled"}
    assert told(models, prices(*story, **own)) == ["new", "change", "change"]


def test_the_day_after_the_entry_is_a_repair_and_a_month_after_it_is_a_change(models: Models) -> None:
    assert told(models, prices((1, "0.6"), (199, "0.66"))) == ["new", "unit_repair"]
    assert told(models, prices((30, "0.6"), (170, "0.66"))) == ["new", "change"]


def test_from_free_to_paid_is_a_change_and_free_for_days_is_a_flip(models: Models) -> None:
    assert told(models, prices((60, "0"), (140, "0.5"))) == ["new", "change"]
    assert told(models, prices((60, "0.5"), (5, "0"), (135, "0.5"))) == [
        "new",
        "zero_or_null_flip",
        "zero_or_null_flip",
    ]


def test_a_rejected_zero_between_two_prices_is_a_flip(models: Models) -> None:
    story = prices((60, "0.5"), (50, None), (90, "0.5"))
    zeros = [
        {
            "contract": "token_prices",
            "source_id": "models_dev",
            "reading_scope": "",
            "observed_at": FIRST_DAY + timedelta(days=day),
            "recorded_at": FIRST_DAY + timedelta(days=day),
            "reason": "0: free, subscription or unknown",
            "payload_ref": "x",
            "row_json": json.dumps({"host_raw": "groq", "model_raw": "llama-3.3-70b-versatile"}),
        }
        for day in range(60, 110)
    ]
    flips = ["new", "zero_or_null_flip", "zero_or_null_flip"]
    assert told(models, story, stg_quarantine=frame(zeros)) == flips


def test_a_line_that_is_out_of_sight_for_weeks_flips_and_one_that_returns_later_is_listed_anew(
    models: Models,
) -> None:
    weeks = prices((60, "0.5"), (20, None), (120, "0.5"))
    assert told(models, weeks) == ["new", "zero_or_null_flip", "zero_or_null_flip"]
    months = prices((60, "0.5"), (80, None), (60, "0.5"))
    assert told(models, months) == ["new", "delisting", "new"]
    other_price = prices((60, "0.5"), (20, None), (120, "0.4"))
    assert told(models, other_price) == ["new", "zero_or_null_flip", "change"]


def test_a_lower_price_with_a_stated_end_is_a_promotion_and_one_without_is_two_changes(
    models: Models,
) -> None:
    story = ((60, "0.6"), (30, "0.3"), (110, "0.6"))
    rows = prices(*story)
    dated = {"effective_from": FIRST_DAY + timedelta(days=60), "effective_to": FIRST_DAY + timedelta(days=90)}
    undated = {"effective_from": None, "effective_to": None}
    promoted = [{**row, **(dated if row["usd_amount"] == Decimal("0.3") else undated)} for row in rows]
    assert told(models, promoted) == ["new", "promotion_end", "promotion_end"]
    assert told(models, rows) == ["new", "change", "change"]


def test_a_first_sight_is_new_and_what_the_first_reading_shows_is_told_apart(models: Models) -> None:
    rows = prices((10, "0.5"))
    late = readings("models_dev", days=10)
    built = models.build({"stg_token_prices": frame(rows), "stg_readings": late}, "price_steps")[
        "price_steps"
    ]
    assert built.select("step_class", "rule_id").rows() == [("new", "first_reading")]
    assert told(models, rows, days=10) == ["new"]


@pytest.mark.parametrize(("first_day", "expected"), [("2025-11-10", "alias_move"), ("2025-12-10", "change")])
def test_a_name_that_went_to_another_model_moved_with_its_price(
    models: Models, first_day: str, expected: str
) -> None:
    """DeepSeek's deepseek-chat went from V3.2-Exp to V3.2 on 2025-12-01; the price falls 35 days on."""
    shift = datetime.fromisoformat(first_day).replace(hour=6, tzinfo=UTC) - FIRST_DAY
    instants = ("observed_at", "observed_until", "recorded_at")
    rows = [
        {**row, **{at: row[at] + shift for at in instants}}
        for row in prices((35, "0.57"), (65, "0.28"), host_raw="deepseek", model_raw="deepseek-chat")
    ]
    read = read_daily("models_dev", 100).with_columns(pl.col("read_at", "recorded_at") + shift)
    built = models.build({"stg_token_prices": frame(rows), "stg_readings": read}, "price_steps")
    assert built["price_steps"].sort("step_at")["step_class"].to_list() == ["new", expected]


def test_changes_of_less_than_60_percent_pass_whatever_their_order(models: Models) -> None:
    """A hundred series of random changes, each price standing for a month: every one of them is a change."""
    draw = random.Random(20261122)
    factors = [Decimal(factor) for factor in ("0.45", "0.7", "0.9", "0.97", "1.03", "1.1", "1.25", "1.55")]
    rows = []
    for number in range(100):
        price, stretches = Decimal(number + 1) / 8, []
        for _ in range(6):
            stretches.append((draw.randint(16, 33), str(price)))
            price = (price * draw.choice(factors)).quantize(Decimal("0.000001"))
        rows += prices(*stretches, model_raw=f"model-{number}")
    given = {"stg_token_prices": frame(rows), "stg_readings": read_daily("models_dev", 200)}
    found = Counter(models.build(given, "price_steps")["price_steps"]["step_class"])
    assert found["change"] == 100 * 5
    assert set(found) == {"new", "change", "delisting"}


def test_a_wrong_price_enters_no_day_and_the_right_ones_around_it_do(models: Models) -> None:
    rows = prices((10, "0.6"), (4, "600"), (6, "0.6")) + prices((20, "0.8"), component="output")
    built = models.build(
        {"stg_token_prices": frame(rows), "stg_readings": readings("models_dev", days=20)},
        "token_prices_daily",
    )["token_prices_daily"].filter(pl.col("price_date") < date(2026, 1, 21))
    days = built.sort("price_date")["input_usd_per_mtok"].to_list()
    assert days == [Decimal("0.6")] * 10 + [None] * 4 + [Decimal("0.6")] * 6
    assert built["output_usd_per_mtok"].to_list() == [Decimal("0.8")] * 20
    assert built.filter(pl.col("blended_usd_per_mtok").is_not_null())["price_date"].n_unique() == 16


def test_two_lists_disagree_from_the_first_to_the_last_day_and_the_second_lags_so_many(
    models: Models,
) -> None:
    """One list has the cut on day 40, another on day 54, a third never: 14 days of disagreement and lag."""
    rows = (
        prices((40, "1"), (60, "0.8"))
        + prices((54, "1"), (46, "0.8"), source_id="genai_prices")
        + prices((100, "1"), source_id="litellm_prices")
    )
    read = readings("models_dev", "genai_prices", "litellm_prices", days=100)
    built = models.build(
        {"stg_token_prices": frame(rows), "stg_readings": read},
        "price_disagreements",
        "catalogue_lags",
        "catalogue_lag_summary",
    )
    pairs = built["price_disagreements"].sort("source_id", "other_source_id")
    assert pairs.select("source_id", "other_source_id", "from_date", "day_count", "ratio").rows()[:2] == [
        ("genai_prices", "litellm_prices", date(2026, 2, 24), 81, 1.25),
        ("genai_prices", "models_dev", date(2026, 2, 10), 14, 0.8),
    ]
    lags = built["catalogue_lags"].sort("source_id")
    assert lags.select("source_id", "first_source_id", "lag_days", "status").rows() == [
        ("genai_prices", "models_dev", 14, "carried"),
        ("litellm_prices", "models_dev", 59, "not carried"),
        ("models_dev", "models_dev", 0, "carried"),
    ]
    summary = built["catalogue_lag_summary"].sort("source_id")
    assert summary.select("source_id", "first_count", "not_carried_count", "longest_lag_days").rows() == [
        ("genai_prices", 0, 0, 14),
        ("litellm_prices", 0, 1, None),
        ("models_dev", 1, 0, 0),
    ]


def offers(*stretches: tuple[int, str | None], **values: Any) -> list[dict[str, Any]]:
    """GPU offers polled daily, as `prices` tells token prices."""
    known = {
        "source_id": "lambda_cloud",
        "reading_scope": "",
        "offer_key": "box",
        "provider_raw": "Lambda",
        "gpu_raw": "H100 SXM",
        "gpu_count": 1.0,
        "purchase_type": "on_demand",
        "price_statistic": "offer",
        "currency": "USD",
        "evidence": "polled",
        "payload_ref": "x",
    } | values
    rows, day = [], 0
    for days, price in stretches:
        for offset in range(days if price is not None else 0):
            at = FIRST_DAY + timedelta(days=day + offset)
            usd = Decimal(price or 0)
            seen = {
                "observed_at": at,
                "observed_until": at,
                "recorded_at": at,
                "usd_per_hour": usd,
                "native_price": usd,
            }
            rows.append({**known, **seen})
        day += days
    return rows


def told_of_gpu(models: Models, rows: list[dict[str, Any]], *read_days: range) -> list[str]:
    source = rows[0]["source_id"]
    read = readings(source, days=200, contract="gpu_offers")
    read = read.filter(
        pl.int_range(pl.len()).is_in([day for days in read_days or (range(200),) for day in days])
    )
    built = models.build({"stg_gpu_offers": frame(rows), "stg_readings": read}, "price_steps")["price_steps"]
    return built.sort("step_at")["step_class"].to_list()


def test_a_list_price_of_a_gpu_that_is_taken_back_is_a_revert_and_an_ask_moves_as_it_likes(
    models: Models,
) -> None:
    story = ((60, "2.5"), (5, "3.1"), (135, "2.5"))
    assert told_of_gpu(models, offers(*story)) == ["new", "revert", "revert"]
    ask = {"source_id": "vastai", "provider_raw": "Vast.ai"}
    assert told_of_gpu(models, offers(*story, **ask)) == ["new", "change", "change"]


def test_cents_taken_for_dollars_are_a_repair_on_a_list_and_on_a_market(models: Models) -> None:
    story = ((60, "2.5"), (3, "250"), (137, "2.5"))
    assert told_of_gpu(models, offers(*story)) == ["new", "unit_repair", "unit_repair"]
    ask = {"source_id": "vastai", "provider_raw": "Vast.ai"}
    assert told_of_gpu(models, offers(*story, **ask)) == ["new", "unit_repair", "unit_repair"]


def test_a_wrong_offer_enters_no_seller_price(models: Models) -> None:
    rows = offers((10, "2.5"), (3, "250"), (7, "2.5"))
    built = models.build(
        {
            "stg_gpu_offers": frame(rows),
            "stg_readings": readings("lambda_cloud", days=20, contract="gpu_offers"),
        },
        "gpu_prices_daily",
    )["gpu_prices_daily"].filter(pl.col("price_date") < date(2026, 1, 21))
    days = {row["price_date"].day for row in built.to_dicts()}
    assert days == set(range(1, 21)) - {11, 12, 13}
    assert set(built["median_usd_per_gpu_hour"]) == {Decimal("2.5")}


def test_a_source_that_nobody_read_ends_no_series(models: Models) -> None:
    """Silent for two months, then the same price: no step. Another: a change. Missed by a reading: gone."""
    same = offers((30, "2.5"), (60, None), (110, "2.5"))
    assert told_of_gpu(models, same, range(30), range(90, 200)) == ["new"]
    other = offers((30, "2.5"), (60, None), (110, "2.2"))
    assert told_of_gpu(models, other, range(30), range(90, 200)) == ["new", "change"]
    assert told_of_gpu(models, same) == ["new", "delisting", "new"]
