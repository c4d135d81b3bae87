"""The token price indices by their definitions: over generated markets, through the project's own SQL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import Models
from tests.token_markets import Item, Levels, frame, geks_levels, jevons, month, reprice

pytestmark = pytest.mark.xdist_group("models")

LABS, MODELS_OF_A_LAB = 5, 3
FAMILIES = ("alpha", "beta")


def market(seed: int, months: int, turnover: bool = True) -> list[Item]:
    """A random market. A core of every lab stays, so that any two months can be compared; with ``turnover``
    other offers come and go."""
    random = Random(seed)
    items = []
    for lab in range(LABS):
        for model in range(MODELS_OF_A_LAB + 2 * turnover):
            stays = model < MODELS_OF_A_LAB
            for host in range(random.randint(1, 3)):
                first = 0 if stays else random.randrange(months)
                last = months - 1 if stays else random.randint(first, months - 1)
                price = random.uniform(0.1, 30)
                prices = {}
                for at in range(first, last + 1):
                    price *= math.exp(random.choice([0, 0, random.gauss(0, 0.15)]))
                    prices[at] = price
                name = f"{random.choice(FAMILIES)}-{lab}-{model}"
                items.append(Item(f"lab-{lab}", name, f"host-{host}", prices))
    return items


def matched(models: Models, items: Sequence[Item], unseen: Sequence[int] = ()) -> Levels:
    built = models.build({"int_token_prices__monthly": frame(items, unseen)}, "int_token_price_indices")
    rows = built["int_token_price_indices"].filter(index_kind="matched", price_basis="blended")
    numbers = {month(number): number for number in range(60)}
    return {
        numbers[at]: level
        for at, level in rows.select("price_month", "log_index").iter_rows()
        if level is not None
    }


seeds = st.integers(0, 10**6)
few = settings(max_examples=8)
"""A build takes a tenth of a second."""


@few
@given(seeds)
def test_the_index_is_geks_with_every_detour_spliced_by_the_mean(models: Models, seed: int) -> None:
    items = market(seed, months=6)
    assert matched(models, items) == pytest.approx(geks_levels(items, range(6)), abs=1e-9)


def test_a_window_holds_25_months(models: Models) -> None:
    items = market(seed=5, months=29)
    assert matched(models, items) == pytest.approx(geks_levels(items, range(29)), abs=1e-9)


@few
@given(seeds)
def test_without_changes_of_price_the_index_is_flat_whatever_comes_and_goes(
    models: Models, seed: int
) -> None:
    items = reprice(market(seed, months=6), lambda item, _: 1 + len(item.model) + len(item.host))
    assert matched(models, items) == pytest.approx(dict.fromkeys(range(6), 0.0), abs=1e-12)


@few
@given(seeds)
def test_what_all_prices_do_the_index_does_whatever_comes_and_goes(models: Models, seed: int) -> None:
    random = Random(seed)
    path = [0.0] + [random.gauss(0, 0.3) for _ in range(4)] + [0.0]
    items = reprice(market(seed, months=6), lambda item, at: (1 + len(item.host)) * math.exp(path[at]))
    # The last month is back where the first was: no drift.
    assert matched(models, items) == pytest.approx(dict(enumerate(path)), abs=1e-9)


@few
@given(seeds)
def test_prices_that_bounce_and_return_leave_no_drift(models: Models, seed: int) -> None:
    items = market(seed, months=8, turnover=False)
    returned = reprice(items, lambda item, at: item.prices[at if at < 7 else 0])
    assert matched(models, returned)[7] == pytest.approx(0, abs=1e-9)


@few
@given(seeds)
def test_turned_around_in_time_the_index_is_the_inverse(models: Models, seed: int) -> None:
    items = market(seed, months=2)
    turned = [replace(item, prices={1 - at: price for at, price in item.prices.items()}) for item in items]
    assert matched(models, turned)[1] == pytest.approx(-matched(models, items)[1], abs=1e-9)


@few
@given(seeds)
def test_over_offers_that_stay_any_two_months_compare_as_if_nothing_lay_between(
    models: Models, seed: int
) -> None:
    items = market(seed, months=5, turnover=False)
    levels = matched(models, items)
    for earlier in range(5):
        for later in range(earlier + 1, 5):
            assert levels[later] - levels[earlier] == pytest.approx(jevons(items, earlier, later), abs=1e-9)


@few
@given(seeds)
def test_what_is_published_does_not_change_with_the_months_that_follow(models: Models, seed: int) -> None:
    items = market(seed, months=6)
    known = [replace(item, prices={at: p for at, p in item.prices.items() if at < 4}) for item in items]
    later = matched(models, items)
    assert matched(models, known) == pytest.approx({at: later[at] for at in range(4)}, abs=1e-12)


@few
@given(seeds)
def test_an_offer_of_one_month_and_the_unit_of_a_price_change_nothing(models: Models, seed: int) -> None:
    items = market(seed, months=5)
    expected = matched(models, items)
    expensive = [Item("lab-0", f"gamma-{at}", "host-0", {at: 900.0}) for at in range(5)]
    scaled = reprice(items, lambda item, at: item.prices[at] * (3 if item.host == "host-1" else 1))
    assert matched(models, [*items, *expensive]) == pytest.approx(expected, abs=1e-12)
    assert matched(models, scaled) == pytest.approx(expected, abs=1e-9)


def still(lab: int, model: str, host: str = "host", line: str = "", last: float = 2.0) -> Item:
    return Item(f"lab-{lab}", model, host, {0: 2.0, 1: last}, line)


def test_lines_hosts_models_families_and_labs_have_equal_voices(models: Models) -> None:
    # Lab 0 halves one of two lines of one of two hosts of one of two models of one of two families; the other
    # three labs and the rest stand still: -ln 2 / (2 * 2 * 2 * 2 * 4).
    items = [
        still(0, "alpha-1", "a", "x", last=1.0),
        still(0, "alpha-1", "a", "y"),
        still(0, "alpha-1", "b"),
        still(0, "alpha-2"),
        still(0, "beta-1"),
        *(still(lab, f"gamma-{lab}-{model}") for lab in (1, 2, 3) for model in range(3)),
    ]
    assert matched(models, items)[1] == pytest.approx(-math.log(2) / 64, abs=1e-12)


def test_what_moves_tenfold_is_left_out_and_counted(models: Models) -> None:
    items = [still(lab, f"gamma-{lab}-{model}") for lab in range(4) for model in range(3)]
    wrong = [replace(items[0], prices={0: 2.0, 1: 20.0}), *items[1:]]
    built = models.build({"int_token_prices__monthly": frame(wrong)}, "int_token_price_indices")
    row = built["int_token_price_indices"].filter(
        index_kind="matched", price_basis="blended", price_month=month(1)
    )
    assert row["log_index"].to_list() == pytest.approx([0], abs=1e-12)
    assert row.select("model_count", "lab_count", "input_count", "excluded_count").row(0) == (11, 4, 11, 1)


@pytest.mark.parametrize(("labs", "models_of_a_lab"), [(3, 4), (4, 2)], ids=["3 labs", "8 models"])
def test_too_few_labs_or_models_give_no_index(models: Models, labs: int, models_of_a_lab: int) -> None:
    items = [still(lab, f"gamma-{lab}-{model}") for lab in range(labs) for model in range(models_of_a_lab)]
    assert matched(models, items) == {}


def test_a_month_without_a_reading_has_no_value_and_breaks_no_link(models: Models) -> None:
    items = [
        Item(f"lab-{lab}", f"gamma-{lab}-{model}", "host", {0: 4.0, 1: 4.0, 2: 2.0})
        for lab in range(4)
        for model in range(3)
    ]
    given_rows = {"int_token_prices__monthly": frame(items, unseen_months=[1])}
    index = models.build(given_rows, "token_price_index_monthly")["token_price_index_monthly"]
    rows = index.filter(series="blended", index_kind="matched").sort("price_month")
    assert rows["index_value"].to_list() == [100, None, 50]
    assert rows["status"].to_list() == ["final", "suppressed", "final"]
    assert rows["status_reason"].to_list() == [None, "no price was read in the month", None]


def test_cached_blends_weigh_the_cache_price_by_its_share(models: Models) -> None:
    items = [still(lab, f"gamma-{lab}-{model}") for lab in range(4) for model in range(3)]
    # Input 2, output 2, cache 2 and then 1: with half cached (3 (1 + 0.5) + 2) / 4 = 1.625 of 2.
    rows = frame(items).with_columns(
        cache_read_usd_per_mtok=pl.when(pl.col("price_month") == month(1)).then(1.0).otherwise(2.0)
    )
    built = models.build({"int_token_prices__monthly": rows}, "int_token_price_indices")
    index = built["int_token_price_indices"].filter(price_month=month(1))
    levels = dict(index.select("price_basis", "log_index").iter_rows())
    assert levels["blended"] == pytest.approx(0, abs=1e-12)
    assert levels["blended_cached_50"] == pytest.approx(math.log(1.625 / 2))
    assert levels["blended_cached_90"] == pytest.approx(math.log((3 * (0.2 + 0.9) + 2) / 4 / 2))


def test_the_interval_is_that_of_resampling_the_labs(models: Models) -> None:
    items = market(seed=3, months=4, turnover=False)
    built = models.build({"int_token_prices__monthly": frame(items)}, "int_token_price_indices")
    row = built["int_token_price_indices"].filter(
        index_kind="matched", price_basis="blended", price_month=month(3)
    )
    low, high = row.select("log_index_low", "log_index_high").row(0)
    # Over offers that stay the index is the plain mean of the labs; resample it in full.
    names = sorted({item.lab for item in items})
    by_lab = np.array([lab_change([item for item in items if item.lab == name], 0, 3) for name in names])
    weights = np.random.default_rng(1).exponential(size=(20_000, len(names)))
    resampled = (weights @ by_lab) / weights.sum(axis=1)
    width = np.diff(np.quantile(resampled, [0.05, 0.95]))[0]
    assert low < row["log_index"][0] < high
    assert high - low == pytest.approx(width, rel=0.25)


def lab_change(items: Sequence[Item], earlier: int, later: int) -> float:
    """The mean of one lab, found by giving it three silent companions."""
    silent = [
        Item(f"silent-{lab}", f"gamma-{lab}-{model}", "host", {earlier: 1.0, later: 1.0})
        for lab in range(3)
        for model in range(4)
    ]
    change = jevons([*items, *silent], earlier, later)
    assert change is not None
    return change * 4


# --- The regression


def offers(seed: int, months: int = 4) -> pl.DataFrame:
    """Offers of models with a score, a context length and weights open or not, at several hosts."""
    random = Random(seed)
    rows = []
    for model in range(16):
        context, score = 2 ** random.randint(12, 18), random.gauss(1200, 80)
        for host in random.sample(range(6), random.randint(1, 4)):
            for at in range(random.randrange(2), months):
                rows.append(
                    {
                        "price_month": month(at),
                        "host_id": f"host-{host}",
                        "model_id": f"model-{model}",
                        "lab_id": f"lab-{model % 5}",
                        "usd": math.exp(random.gauss(0, 1)),
                        "context_tokens": context,
                        "score": score,
                        "is_open": model % 3 == 0,
                    }
                )
    return pl.DataFrame(rows)


def hedonics(models: Models, market: pl.DataFrame, *wanted: str) -> dict[str, pl.DataFrame]:
    prices = market.with_columns(
        pl.lit("catalogue").alias("source_id"),
        pl.col("host_id").alias("host_raw"),
        pl.col("model_id").alias("model_raw"),
        pl.lit("").alias("quantization"),
        pl.col("usd").alias("input_usd_per_mtok"),
        pl.col("usd").alias("output_usd_per_mtok"),
        pl.lit(28).alias("day_count"),
        pl.lit(28).alias("primary_day_count"),
        pl.lit(True).alias("is_seen"),
    ).drop("usd", "score", "is_open")
    known = market.unique("model_id")
    standings = known.select(
        pl.lit("lmarena_text").alias("board_id"),
        pl.lit(month(0)).alias("score_date"),
        pl.col("model_id").alias("board_model"),
        "model_id",
        "score",
        pl.lit(True).alias("is_best_of_model"),
    )
    seed = known.select("model_id", "lab_id", pl.col("is_open").alias("is_open_weights"))
    given_rows = {"int_token_prices__monthly": prices, "int_board_standings": standings, "models": seed}
    return models.build(given_rows, *wanted)


def design(window: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns (months after the first, quality, context, open, hosts), ln(price), roots of the weights."""
    months, hosts = sorted(set(window["price_month"])), sorted(set(window["host_id"]))
    columns = [window["price_month"].eq(at).cast(float) for at in months[1:]]
    score = window["score"]
    columns += [(score - score.mean()) / score.std(ddof=0), window["context_tokens"].log()]
    columns += [window["is_open"].cast(float)] + [window["host_id"].eq(host).cast(float) for host in hosts]
    sellers = window.select(pl.len().over("price_month", "model_id"))["len"]
    return np.column_stack(columns), window["usd"].log().to_numpy(), np.sqrt(1 / sellers.to_numpy())


@few
@given(seeds)
def test_the_regression_in_sql_is_least_squares(models: Models, seed: int) -> None:
    window = offers(seed)
    found = hedonics(models, window, "int_token_price_hedonics")["int_token_price_hedonics"]
    estimates = found.filter(window_month=month(3), lab_id="").sort("term")["estimate"].to_numpy()
    columns, log_usd, roots = design(window)
    expected = np.linalg.lstsq(columns * roots[:, None], log_usd * roots, rcond=None)[0]
    assert estimates == pytest.approx(expected[: len(estimates)], abs=1e-8)


@few
@given(seeds)
def test_a_labs_influence_is_the_slope_of_the_estimates_in_its_weight(models: Models, seed: int) -> None:
    window = offers(seed)
    found = hedonics(models, window, "int_token_price_hedonics")["int_token_price_hedonics"]
    influence = found.filter(window_month=month(3), lab_id="lab-1").sort("term")["estimate"].to_numpy()
    columns, log_usd, roots = design(window)
    nudge = 1e-6
    nudged = roots * np.where(window["lab_id"] == "lab-1", math.sqrt(1 + nudge), 1)
    before, after = (
        np.linalg.lstsq(columns * r[:, None], log_usd * r, rcond=None)[0] for r in (roots, nudged)
    )
    assert influence == pytest.approx(((after - before) / nudge)[: len(influence)], abs=1e-4)


@few
@given(seeds)
def test_prices_that_follow_the_model_give_its_months_back(models: Models, seed: int) -> None:
    random = Random(seed)
    path = [0.0] + [random.gauss(0, 0.5) for _ in range(3)]
    numbers = {month(at): at for at in range(4)}
    window = offers(seed).with_columns(
        usd=(
            pl.col("price_month").replace_strict({at: path[number] for at, number in numbers.items()})
            + 0.01 * pl.col("score")
            - 0.2 * pl.col("context_tokens").log()
            - 0.7 * pl.col("is_open").cast(pl.Float64)
            + 0.3 * pl.col("host_id").str.tail(1).cast(pl.Float64)
        ).exp()
    )
    index = hedonics(models, window, "token_price_index_monthly")["token_price_index_monthly"]
    rows = index.filter(index_kind="hedonic").sort("price_month")
    # A month with too few offers has no row; the first that has one is the base.
    shown = [path[numbers[at]] for at in rows["price_month"]]
    assert rows["index_value"].to_list() == pytest.approx(
        [100 * math.exp(p - shown[0]) for p in shown], rel=1e-6
    )
    # No error, no spread.
    assert rows["index_low"].to_list() == pytest.approx(rows["index_high"].to_list(), rel=1e-6)
    assert rows["open_coefficient"].to_list()[1:] == pytest.approx([-0.7] * 3, abs=1e-6)


def test_a_quality_that_says_nothing_is_left_out_and_the_months_remain(models: Models) -> None:
    window = offers(seed=8).with_columns(is_open=pl.lit(True))
    found = hedonics(models, window, "int_token_price_hedonics")["int_token_price_hedonics"]
    last = found.filter(window_month=month(3), lab_id="").sort("term")
    assert last["is_left_out"].to_list() == [False] * 5 + [True]
    columns, log_usd, roots = design(window)
    expected = np.linalg.lstsq(columns * roots[:, None], log_usd * roots, rcond=None)[0]
    assert last["estimate"].to_numpy()[:5] == pytest.approx(expected[:5], abs=1e-8)
    assert last["estimate"][5] == 0


def test_too_few_rated_models_give_no_hedonic_index(models: Models) -> None:
    window = offers(seed=8).filter(pl.col("model_id").is_in([f"model-{number}" for number in range(9)]))
    index = hedonics(models, window, "token_price_index_monthly")["token_price_index_monthly"]
    assert index.filter(index_kind="hedonic").is_empty()
