"""What serving tokens earns: the margin models over small markets, against arithmetic by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import mean, median
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import Models

pytestmark = pytest.mark.xdist_group("models")

FIRST_DAY, LAST_DAY = date(2024, 5, 7), date(2024, 5, 10)
Row = Mapping[str, Any]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def asked(
    input_usd: float = 0.14,
    output_usd: float = 0.28,
    model: str = "deepseek-v2",
    host: str = "novita",
    first: date = FIRST_DAY,
    last: date = LAST_DAY,
    **changes: Any,
) -> list[Row]:
    """What a host asks for a model on each day."""
    known = {
        "model_id": model,
        "host_id": host,
        "lab_id": "deepseek",
        "input_usd_per_mtok": input_usd,
        "output_usd_per_mtok": output_usd,
        "is_primary": True,
    }
    return [{"price_date": day, **known, **changes} for day in days(first, last)]


def rents(
    usd: float = 1.875,
    gpu: str = "h800-sxm-80gb",
    first: date = FIRST_DAY,
    last: date = LAST_DAY,
    **changes: Any,
) -> list[Row]:
    """What neoclouds ask for an accelerator without a term on each day."""
    known: Row = {
        "segment": "neocloud",
        "purchase_type": "on_demand",
        "commitment_months": 0,
        "gpu_id": gpu,
        "level_usd_per_gpu_hour": usd,
        "p25_usd_per_gpu_hour": usd,
        "p75_usd_per_gpu_hour": usd,
        "provider_count": 4,
        "status": "final",
        **changes,
    }
    cell = (known[name] for name in ("segment", "purchase_type", "commitment_months", "gpu_id"))
    series_id = "/".join(map(str, cell))
    return [{"price_date": day, "series_id": series_id, **known} for day in days(first, last)]


def published(**changes: Any) -> Row:
    """DeepSeek V2 as the seed has it: 100,000 prompt and 50,000 generated tokens a second per eight H800."""
    return {
        "throughput_id": "P01",
        "model_id": "deepseek-v2",
        "gpu_id": "h800-sxm-80gb",
        "gpu_count": 8,
        "precision": "fp8",
        "input_tokens_per_second": 100_000,
        "output_tokens_per_second": 50_000,
        "is_disaggregated": True,
        "production_ratio": 1,
        "published_date": FIRST_DAY,
        "source": "a publication",
        **changes,
    }


def mixed(rate: float, input_tokens: int, output_tokens: int, **changes: Any) -> Row:
    """A measurement with prompts and answers on one accelerator: generated tokens a second at one mix."""
    lengths = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    apart = {"gpu_count": 1, "is_disaggregated": False, "input_tokens_per_second": None}
    return published(
        throughput_id=f"{input_tokens}/{output_tokens}",
        output_tokens_per_second=rate,
        **lengths,
        **apart,
        **changes,
    )


def measured(**changes: Any) -> Row:
    """A row of the fact table: one configuration of an engine."""
    return {
        "source_id": "inferencex",
        "model_raw": "dsr1",
        "model_id": "deepseek-r1-0528",
        "gpu_id": "h800-sxm-80gb",
        "gpu_count": 8.0,
        "precision": "fp8",
        "engine": "sglang",
        "input_tokens": 1024,
        "output_tokens": 1024,
        "evaluated_date": FIRST_DAY,
        "output_tokens_per_second_per_gpu": 1000.0,
        "output_tokens_per_second_per_user": 40.0,
        "evidence": "polled",
        **changes,
    }


def build(
    models: Models,
    prices: Sequence[Row],
    levels: Sequence[Row] = (),
    throughput: Sequence[Row] = (),
    facts: Sequence[Row] = (),
    wanted: str = "inference_margins_daily",
    **others: Sequence[Row],
) -> list[dict[str, Any]]:
    """Rows of the wanted model, without any throughput or cost of ownership but the given."""
    empty = {"owner_costs": [{"gpu_id": "none", "published_date": date(2000, 1, 1)}]}
    given = {
        "token_prices_daily": prices,
        "gpu_price_trends_daily": levels or rents(),
        "throughput_references": throughput or [published(published_date=date(2031, 1, 1))],
        "fct_throughput": facts or [measured(model_id=None)],
        **empty,
        **others,
    }
    frames = {name: pl.DataFrame(list(rows), infer_schema_length=None) for name, rows in given.items()}
    return models.build(frames, wanted)[wanted].to_dicts()


def at(rows: Sequence[Row], utilisation: float, **where: Any) -> Row:
    """The one row at a utilisation."""
    fitting = [
        row
        for row in rows
        if float(row["utilisation_ratio"]) == utilisation
        and all(row[column] == value for column, value in where.items())
    ]
    (row,) = fitting
    return row


def test_a_mix_of_the_two_published_nodes_earns_what_each_of_them_earns(models: Models) -> None:
    """G01 to G08: both nodes earn 50.40 USD an hour at 15, so any mix earns 6.30 per accelerator at 1.875."""
    full = at(build(models, asked(), throughput=[published()]), 1.0)
    assert full["output_tokens_per_second_per_gpu"] == pytest.approx(1 / (1 / 6250 + 3 / 12500)) == 2500
    assert float(full["revenue_usd_per_gpu_hour"]) == pytest.approx(50.40 / 8)
    assert full["gross_margin_ratio"] == pytest.approx(35.40 / 50.40)
    assert full["markup_ratio"] == pytest.approx(35.40 / 15)
    assert full["break_even_utilisation_ratio"] == pytest.approx(15 / 50.40)
    assert (full["throughput_tier"], full["status"], full["status_reason"]) == ("measured", "final", None)
    assert (full["margin_date"], full["until_date"]) == (FIRST_DAY, LAST_DAY)


@pytest.mark.parametrize(
    ("utilisation", "margin"), [(0.3, 1 - 15 / 15.12), (0.5, 1 - 15 / 25.2), (0.7, 1 - 15 / 35.28)]
)
def test_what_is_not_sold_costs_all_the_same(models: Models, utilisation: float, margin: float) -> None:
    row = at(build(models, asked(), throughput=[published()]), utilisation)
    assert row["gross_margin_ratio"] == pytest.approx(margin)
    assert row["break_even_utilisation_ratio"] == pytest.approx(15 / 50.40)


@given(
    input_usd=st.floats(0.01, 20),
    output_usd=st.floats(0.01, 80),
    rent=st.floats(0.2, 12),
    prompts=st.integers(1_000, 900_000),
    answers=st.integers(500, 300_000),
)
def test_every_margin_follows_from_the_cost_of_a_million_tokens_of_each_kind(
    models: Models, input_usd: float, output_usd: float, rent: float, prompts: int, answers: int
) -> None:
    """The methodology's own form, with nodes for prompts and nodes for answers; ours divides an hour."""
    p_in, p_out, g = (round(value, 6) for value in (input_usd, output_usd, rent))
    node = published(input_tokens_per_second=prompts, output_tokens_per_second=answers)
    rows = build(models, asked(p_in, p_out), rents(g), [node])
    for row in rows:
        u = float(row["utilisation_ratio"])
        cost_in, cost_out = (8 * g / (rate * 3600 * u / 1e6) for rate in (prompts, answers))
        revenue, cost = 3 * p_in + p_out, 3 * cost_in + cost_out
        assert row["gross_margin_ratio"] == pytest.approx(1 - cost / revenue, rel=1e-6)
        assert row["markup_ratio"] == pytest.approx(revenue / cost - 1, rel=1e-6)
        assert row["break_even_utilisation_ratio"] == pytest.approx(cost * u / revenue, rel=1e-6)
    assert len(rows) == 4


def test_two_mixes_on_the_same_machine_tell_what_each_kind_of_token_takes(models: Models) -> None:
    """1,000 a second at 1:1 and 250 at 10:1: a prompt token takes (1/250 - 1/1000) / 9 = 1/3000 of a second,
    a generated one 1/1000 - 1/3000 = 1/1500. Three to one: 1 / (1/1500 + 3/3000) = 600, 0.6 of it 360."""
    pair = [mixed(1000, 1000, 1000, production_ratio=0.6), mixed(250, 5000, 500, production_ratio=0.6)]
    full = at(build(models, asked(), throughput=pair), 1.0)
    assert full["output_tokens_per_second_per_gpu"] == pytest.approx(360)
    assert (full["input_output_ratio"], full["production_ratio"], full["throughput_point_count"]) == (
        3,
        0.6,
        2,
    )


def test_one_mix_alone_is_sold_as_it_was_measured(models: Models) -> None:
    """800 a second, an eighth of a prompt token each: 2.88 M an hour earn 2.88 x (0.125 x 0.16 + 0.28)."""
    full = at(build(models, asked(input_usd=0.16), throughput=[mixed(800, 1000, 8000)]), 1.0)
    assert full["input_output_ratio"] == 0.125
    assert float(full["revenue_usd_per_gpu_hour"]) == pytest.approx(2.88 * 0.3)
    assert full["cached_gross_margin_ratio"] is None


def test_half_of_the_prompt_from_a_cache_skips_the_work_and_pays_the_price_of_the_cache(
    models: Models,
) -> None:
    """With 1.5 prompt tokens to work on, 1 / (1/6250 + 1.5/12500) = 25000/7 a second; they earn
    3 x (0.07 + 0.007) + 0.28 = 0.511 USD per million generated."""
    full = at(build(models, asked(cache_read_usd_per_mtok=0.014), throughput=[published()]), 1.0)
    revenue = 25_000 / 7 * 3600 / 1e6 * 0.511
    assert full["cached_gross_margin_ratio"] == pytest.approx(1 - 1.875 / revenue)


def test_of_the_configurations_measured_the_best_counts_that_serves_its_users_fast_enough(
    models: Models,
) -> None:
    """Of 8,192 to 1,024 only the sum of 1,800 is stated: a ninth of it, 200, are answers. With 1,000 at one
    to one a prompt token takes (1/200 - 1/1000) / 7 = 1/1750, a generated one 1/1000 - 1/1750 = 3/7000."""
    facts = [
        measured(engine="slow", output_tokens_per_second_per_gpu=500.0),
        measured(engine="fast", output_tokens_per_second_per_gpu=1000.0),
        measured(
            engine="crowded", output_tokens_per_second_per_gpu=9000.0, output_tokens_per_second_per_user=19.9
        ),
        measured(
            engine="unlimited",
            output_tokens_per_second_per_gpu=9000.0,
            output_tokens_per_second_per_user=None,
        ),
        measured(
            input_tokens=8192, output_tokens_per_second_per_gpu=None, total_tokens_per_second_per_gpu=1800.0
        ),
    ]
    full = at(build(models, asked(model="deepseek-r1"), facts=facts), 1.0)
    assert full["output_tokens_per_second_per_gpu"] == pytest.approx(1 / (3 / 7000 + 3 / 1750))
    assert full["throughput_id"] == f"inferencex {FIRST_DAY}"
    assert full["throughput_tier"] == "measured", "R1 and R1-0528 are of one shape"


def test_a_rate_of_another_machine_scales_with_bandwidth_for_answers_and_with_arithmetic_for_prompts(
    models: Models,
) -> None:
    """H200 against H100: 4.8 against 3.35 TB/s, equal arithmetic. DeepSeek V3 against V2: 37 against 21 B
    active, 671 against 236 B in all."""
    on_h100 = [published(gpu_id="h100-sxm-80gb")]
    moved = at(build(models, asked(), rents(2.0, "h200-sxm-141gb"), on_h100), 1.0)
    assert moved["output_tokens_per_second_per_gpu"] == pytest.approx(1 / (3.35 / 4.8 / 6250 + 3 / 12500))
    assert (moved["throughput_tier"], moved["status"], moved["status_reason"]) == (
        "scaled",
        "imputed",
        "throughput scaled",
    )
    larger = at(build(models, asked(model="deepseek-v3"), throughput=[published()]), 1.0)
    assert larger["output_tokens_per_second_per_gpu"] == pytest.approx(2500 * 21 / 37)


def test_no_scaled_rate_passes_what_the_memory_allows(models: Models) -> None:
    """A Llama 2 7B keeps 524,288 bytes per token, 262,144 in eight bits: over 1,500 tokens at 0.8 x 3.35 TB/s
    it generates no more than 6,815.6 a second, whatever a Llama 3 8B makes."""
    donor = published(model_id="llama-3-8b", gpu_id="h100-sxm-80gb", gpu_count=1, input_tokens_per_second=1e6)
    levels = rents(2.0, "h100-sxm-80gb")
    full = at(build(models, asked(model="llama-2-7b"), levels, [donor]), 1.0)
    decode = 0.8 * 3350e9 / (262_144 * 1500)
    prefill = 1e6 * 8 / 7
    assert prefill > 1979e12 / (2 * 7e9), "the arithmetic is the limit here"
    assert full["output_tokens_per_second_per_gpu"] == pytest.approx(1 / (1 / decode + 3 / (1979e12 / 14e9)))


def test_numbers_of_four_bits_serve_no_machine_without_them(models: Models) -> None:
    four_bits = [published(gpu_id="b200-sxm-180gb", precision="nvfp4")]
    assert build(models, asked(), rents(2.0, "h100-sxm-80gb"), four_bits) == []


@pytest.mark.parametrize(
    ("published_date", "tier", "tolerance"),
    [
        pytest.param(date(2023, 5, 2), "measured", 0.2, id="within a year before the month"),
        pytest.param(date(2023, 5, 1), "scaled", 0.4, id="more than a year before"),
        pytest.param(date(2025, 5, 31), "measured", 0.2, id="within a year after"),
        pytest.param(date(2025, 6, 2), "scaled", 0.4, id="more than a year after"),
    ],
)
def test_a_measurement_speaks_for_a_year(
    models: Models, published_date: date, tier: str, tolerance: float
) -> None:
    full = at(build(models, asked(), throughput=[published(published_date=published_date)]), 1.0)
    assert (full["throughput_tier"], full["throughput_tolerance_ratio"]) == (tier, tolerance)
    assert full["low_gross_margin_ratio"] == pytest.approx(1 - 15 / 50.40 / (1 - tolerance))
    assert full["high_gross_margin_ratio"] == pytest.approx(1 - 15 / 50.40 / (1 + tolerance))


def test_a_later_measurement_does_not_displace_an_earlier_one_before_its_time(models: Models) -> None:
    early = published(throughput_id="early")
    late = published(throughput_id="late", published_date=date(2024, 7, 1), output_tokens_per_second=80_000)
    rows = build(models, asked(last=date(2024, 7, 31)), rents(last=date(2024, 7, 31)), [early, late])
    used = {row["margin_date"]: row["throughput_id"] for row in rows}
    assert used == {FIRST_DAY: "early", date(2024, 7, 1): "late"}


def test_a_model_nobody_measured_has_one_row_that_says_so(models: Models) -> None:
    (row,) = build(models, asked(model="jamba-large-1-6"), rents(2.0, "h100-sxm-80gb"), [published()])
    assert (row["throughput_tier"], row["status"], row["gross_margin_ratio"]) == ("none", "suppressed", None)
    assert row["status_reason"] == "no throughput measured, and none of a like model to scale"
    assert row["gpu_id"] == "h100-sxm-80gb"
    assert float(row["utilisation_ratio"]) == 0.5


def test_a_row_stands_until_something_changes_or_the_host_is_gone(models: Models) -> None:
    prices = [
        *asked(last=date(2024, 5, 20)),
        *asked(output_usd=0.42, first=date(2024, 5, 21), last=date(2024, 5, 25)),
        *asked(output_usd=0.42, first=date(2024, 5, 28), last=date(2024, 6, 3)),
    ]
    levels = [*rents(last=date(2024, 5, 31)), *rents(2.0, first=date(2024, 6, 1), last=date(2024, 6, 30))]
    rows = build(models, prices, levels, [published()])
    stands = sorted(
        (row["margin_date"].day, row["until_date"].day, float(row["cost_usd_per_gpu_hour"]))
        for row in rows
        if float(row["utilisation_ratio"]) == 0.5
    )
    assert stands == [(1, 3, 2.0), (7, 20, 1.875), (21, 25, 1.875), (28, 31, 1.875)]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"host_id": "openrouter"}, id="an aggregator runs no machines"),
        pytest.param({"model_id": "gpt-4"}, id="nobody else can serve a closed model"),
        pytest.param({"is_primary": False}, id="a free or other line"),
    ],
)
def test_nobody_else_has_a_margin(models: Models, changes: dict[str, Any]) -> None:
    assert build(models, asked(**changes), throughput=[published()]) == []


def test_a_year_of_contract_costs_before_the_list_price_and_the_stated_form_before_the_unstated(
    models: Models,
) -> None:
    h100 = [published(gpu_id="h100-sxm-80gb")]
    unstated = rents(1.0, "h100-unstated")
    listed = rents(2.0, "h100-sxm-80gb")
    contract = rents(3.0, "h100-sxm-80gb", purchase_type="reserved", commitment_months=12)
    others = [
        *rents(0.1, "h100-sxm-80gb", segment="marketplace"),
        *rents(0.2, "h100-sxm-80gb", purchase_type="spot"),
        *rents(0.3, "h100-sxm-80gb", purchase_type="reserved", commitment_months=36),
        *rents(0.4, "h100-pcie-80gb"),
        *rents(0.5, "h100-sxm-80gb", status="suppressed", first=date(2024, 5, 11), last=date(2024, 5, 31)),
    ]
    for levels, usd in ((unstated, 1.0), ([*unstated, *listed], 2.0), ([*unstated, *listed, *contract], 3.0)):
        rows = build(models, asked(), [*levels, *others], h100)
        assert float(at(rows, 0.5, gpu_id="h100-sxm-80gb")["cost_usd_per_gpu_hour"]) == usd


def test_owning_is_a_second_basis_within_a_year_of_its_publication(models: Models) -> None:
    cost = {
        "gpu_id": "h800-sxm-80gb",
        "published_date": FIRST_DAY,
        "hyperscaler_usd_per_gpu_hour": 1.0,
        "neocloud_usd_per_gpu_hour": 1.5,
        "is_provisional": False,
    }
    rows = build(models, asked(), throughput=[published()], owner_costs=[cost])
    owned = at(rows, 1.0, cost_basis="owner")
    assert float(owned["cost_usd_per_gpu_hour"]) == 1.5
    assert owned["high_gross_margin_ratio"] == pytest.approx(1 - 1.0 / (6.3 * 1.2))
    late = {**cost, "published_date": date(2025, 6, 2)}
    rows = build(models, asked(), throughput=[published()], owner_costs=[late])
    assert {row["cost_basis"] for row in rows} == {"rent"}


def market(hosts: Mapping[str, Sequence[float]]) -> list[Row]:
    """Hosts of several models: what each asks for a million generated tokens, prompts at half of it."""
    sellers = ("novita", "deepinfra", "together", "fireworks", "groq")
    return [
        row
        for model, prices in hosts.items()
        for host, usd in zip(sellers, prices, strict=False)
        for row in asked(usd / 2, usd, model, host)
    ]


THREE_MODELS = {
    "deepseek-v2": (0.2, 0.3, 0.9),
    "deepseek-v2-5": (0.4, 0.5, 0.6, 0.8),
    "deepseek-coder-v2": (0.1, 0.2, 1.0),
}


def index(models: Models, prices: Sequence[Row]) -> dict[str, dict[str, Any]]:
    rows = build(models, prices, throughput=[published()], wanted="inference_margin_index_monthly")
    return {row["throughput_scope"]: row for row in rows}


def test_the_index_is_the_mean_over_models_of_the_median_host(models: Models) -> None:
    """9 M tokens an hour earn 9 x 2.5 = 22.5 USD per USD asked, at half use 11.25."""
    row = index(models, market(THREE_MODELS))["measured"]
    middle = [median(1 - 1.875 / (11.25 * usd) for usd in prices) for prices in THREE_MODELS.values()]
    assert float(row["gross_margin_ratio"]) == pytest.approx(mean(middle), abs=1e-6)
    assert float(row["median_gross_margin_ratio"]) == pytest.approx(median(middle), abs=1e-6)
    low = [median(1 - 1.875 / (22.5 * 0.3 * 0.8 * usd) for usd in prices) for prices in THREE_MODELS.values()]
    high = [
        median(1 - 1.875 / (22.5 * 0.7 * 1.2 * usd) for usd in prices) for prices in THREE_MODELS.values()
    ]
    assert float(row["low_gross_margin_ratio"]) == pytest.approx(mean(low), abs=1e-6)
    assert float(row["high_gross_margin_ratio"]) == pytest.approx(mean(high), abs=1e-6)
    assert (row["model_count"], row["margin_count"], row["status"]) == (3, 10, "final")


def test_a_model_of_two_hosts_does_not_count_and_two_models_are_no_index(models: Models) -> None:
    few = {**THREE_MODELS, "deepseek-coder-v2": (0.1, 0.2)}
    row = index(models, market(few))["all"]
    assert (row["status"], row["gross_margin_ratio"], row["model_count"]) == ("suppressed", None, 2)
    assert row["status_reason"] == "2 models with throughput and 3 hosts, 3 needed"


def test_scaled_models_enter_the_wider_index_alone_and_mark_it(models: Models) -> None:
    rows = index(models, market({**THREE_MODELS, "kimi-k2": (2.0, 2.0, 2.0), "deepseek-v3": (1.0, 1.0, 1.0)}))
    assert (rows["measured"]["model_count"], rows["measured"]["status"]) == (3, "final")
    assert (rows["all"]["model_count"], rows["all"]["status"]) == (4, "final"), (
        "a quarter is not more than one"
    )


def test_the_last_margin_of_the_month_counts(models: Models) -> None:
    earlier = [
        row
        for model in THREE_MODELS
        for host in ("novita", "deepinfra", "together")
        for row in asked(9, 9, model, host)
    ]
    later = [{**row, "price_date": row["price_date"] + timedelta(days=10)} for row in market(THREE_MODELS)]
    levels = rents(last=date(2024, 5, 31))
    rows = build(models, [*earlier, *later], levels, [published()], wanted="inference_margin_index_monthly")
    alone = build(models, later, levels, [published()], wanted="inference_margin_index_monthly")
    assert [row["gross_margin_ratio"] for row in rows] == [row["gross_margin_ratio"] for row in alone]
