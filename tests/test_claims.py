"""The verdicts on the claims: each follows from the rows, both ways, and none is given without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest

from tests.models import Models
from tests.test_costs import on
from tests.test_margins import asked

pytestmark = pytest.mark.xdist_group("models")

Row = Mapping[str, Any]
MONTHS = [date(2023, month, 1) for month in range(9, 13)] + [date(2024, month, 1) for month in range(1, 6)]


def verdicts(models: Models, given: Mapping[str, Sequence[Row]]) -> dict[str, dict[str, Any]]:
    """Claims by id, where the given tables hold these rows."""
    frames = {name: pl.DataFrame(list(rows), infer_schema_length=None) for name, rows in given.items()}
    return {row["claim_id"]: row for row in models.build(frames, "claims")["claims"].to_dicts()}


def rented(prices: Sequence[float], sellers: Sequence[int]) -> list[Row]:
    return [
        row
        for month, usd, count in zip(MONTHS, prices, sellers, strict=True)
        for row in on(month, usd, "h100-unstated", provider_count=count)
    ]


@pytest.mark.parametrize(
    ("prices", "sellers", "verdict", "share"),
    [
        pytest.param([4, 3.9, 3.8, 3.8, 3.7, 3.9, 3.5, 3.4, 3.3], [4] * 9, "holds", 7 / 8, id="one month up"),
        pytest.param(
            [4, 3.9, 4.1, 3.8, 4.2, 3.9, 4.3, 3.4, 3.3], [4] * 9, "fails", 5 / 8, id="three months up"
        ),
        pytest.param([4] * 9, [4] * 9, "fails", 1.0, id="never down"),
        pytest.param(
            [4, 3.9, 3.8, 3.7, 3.6, 3.5, 3.4, 3.3, 3.2], [4] * 7 + [3] * 2, "not testable", None, id="few"
        ),
    ],
)
def test_falling_every_month(
    models: Models, prices: Sequence[float], sellers: Sequence[int], verdict: str, share: float | None
) -> None:
    row = verdicts(models, {"gpu_price_trends_daily": rented(prices, sellers)})["G50"]
    assert row["verdict"] == verdict
    assert row["measured_value"] == (share and pytest.approx(share, abs=1e-6))
    assert (
        (row["status"] == "suppressed") == (verdict == "not testable") == (row["status_reason"] is not None)
    )


def board(**scores: float) -> list[Row]:
    """An Arena snapshot of June 2024: scores by model id, two names in the board's words."""
    raw = {"gpt-3-5-turbo": "GPT-3.5-Turbo-0125", "gpt-4": "GPT-4-0314"}
    return [
        {
            "score_date": date(2024, 6, 19),
            "leaderboard": "lmarena_text",
            "board_version": "v",
            "category": "overall",
            "model_raw": raw.get(model, model),
            "model_id": model,
            "score": score,
            "is_open_weights": not model.startswith(("gpt", "claude")),
        }
        for model, score in ((name.replace("_", "-"), score) for name, score in scores.items())
    ]


def priced(**usd: float) -> list[Row]:
    """What each model costs, input and output alike; GPT-3.5 Turbo by the line of its checkpoint."""
    rows: list[Row] = []
    for model, price in ((name.replace("_", "-"), price) for name, price in usd.items()):
        turbo = {"model_raw": "gpt-3.5-turbo-0125", "host_id": "openai", "is_primary": False}
        line = turbo if model == "gpt-3-5-turbo" else {"model_raw": model}
        blend = {"blended_usd_per_mtok": price, "service_tier": "standard"}
        rows += [{**row, **blend, **line} for row in asked(price, price, model)]
    return rows


SCORES = {
    "gpt_3_5_turbo": 1104,
    "claude_3_sonnet": 1201,
    "llama_3_70b": 1207,
    "llama_3_8b": 1153,
    "mistral_7b": 1072,
}
PRICES = {
    "deepseek_v2": 0.175,
    "gpt_3_5_turbo": 0.75,
    "llama_3_8b": 0.1,
    "llama_3_70b": 0.64,
    "mixtral_8x7b": 0.27,
    "mistral_7b": 0.05,
}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        pytest.param({}, "holds", id="one rated model cheaper, 4.3 times below"),
        pytest.param({"deepseek_v2": 0.2}, "fails", id="3.75 times below"),
        pytest.param({"claude_3_sonnet": 0.1, "llama_3_70b": 0.1}, "fails", id="three rated models cheaper"),
    ],
)
def test_markedly_cheaper(models: Models, changes: dict[str, float], verdict: str) -> None:
    given = {
        "leaderboard_scores_daily": board(**SCORES),
        "token_prices_daily": priced(**{**PRICES, **changes}),
    }
    row = verdicts(models, given)["G51"]
    assert row["verdict"] == verdict
    assert float(row["measured_value"]) == pytest.approx(0.75 / changes.get("deepseek_v2", 0.175), abs=1e-6)
    assert "mistral-7b" not in row["answer"], "rated below GPT-3.5 Turbo"


@pytest.mark.parametrize(
    ("scores", "prices", "verdict"),
    [
        pytest.param({}, {}, "holds", id="both better, both cheaper"),
        pytest.param({"claude_3_sonnet": 1104}, {}, "fails", id="Sonnet only level"),
        pytest.param({}, {"mixtral_8x7b": 0.75}, "fails", id="Mixtral no cheaper"),
    ],
)
def test_beating_down(
    models: Models, scores: dict[str, float], prices: dict[str, float], verdict: str
) -> None:
    given = {
        "leaderboard_scores_daily": board(**{**SCORES, **scores, "mixtral_8x7b": 1114}),
        "token_prices_daily": priced(**{**PRICES, **prices}),
    }
    assert verdicts(models, given)["G52"]["verdict"] == verdict


@pytest.mark.parametrize(
    ("changes", "usd", "verdict"),
    [
        pytest.param({}, 3.7, "holds", id="29.60 USD an hour"),
        pytest.param({}, 5.0, "fails", id="40 USD an hour"),
        pytest.param({"score_date": date(2024, 8, 1)}, 3.7, "fails", id="too late"),
    ],
)
def test_gpt_4_class_on_a_rented_server(
    models: Models, changes: dict[str, Any], usd: float, verdict: str
) -> None:
    scores = [{**row, **changes} for row in board(gpt_4=1186, llama_3_70b=1207)]
    levels = on(scores[0]["score_date"].replace(day=1), usd, "h100-sxm-80gb")
    row = verdicts(models, {"leaderboard_scores_daily": scores, "gpu_price_trends_daily": levels})["G53"]
    assert row["verdict"] == verdict
    assert float(row["measured_value"]) == pytest.approx(8 * usd)


@pytest.mark.parametrize(("margin", "verdict", "share"), [(-0.1, "holds", 0.5), (0.1, "fails", 0.0)])
def test_losing_money(models: Models, margin: float, verdict: str, share: float) -> None:
    known = {
        "margin_date": date(2024, 4, 20),
        "until_date": date(2024, 5, 20),
        "gpu_id": "h100-sxm-80gb",
        "cost_basis": "rent",
        "utilisation_ratio": 0.3,
        "throughput_tier": "scaled",
    }
    hosts = {("llama-3-70b", "groq"): margin, ("mixtral-8x7b", "together"): 0.2}
    rows = [
        {**known, "model_id": model, "host_id": host, "gross_margin_ratio": value}
        for (model, host), value in hosts.items()
    ]
    early = {
        **rows[0],
        "margin_date": date(2024, 4, 1),
        "until_date": date(2024, 4, 19),
        "gross_margin_ratio": -9.0,
    }
    row = verdicts(models, {"inference_margins_daily": [*rows, early]})["G54"]
    assert (row["verdict"], float(row["measured_value"]), row["input_count"]) == (verdict, share, 2)


@pytest.mark.parametrize(
    ("first_list", "now", "verdict"),
    [(8.4, 3.2, "holds"), (8.4, 4.3, "fails"), (8.8, 1.0, "fails"), (5.2, 1.0, "fails")],
)
def test_out_of_reach(models: Models, first_list: float, now: float, verdict: str) -> None:
    known = {"run_id": "llama-2-70b", "trained_on_gpu_id": "a100-sxm-80gb", "gpu_id": "a100-sxm-80gb"}
    costs = [
        ("own", "list_on_demand", date(2023, 7, 1), first_list),
        ("own", "list_on_demand", date(2026, 7, 1), 6.9),
        ("own", "neocloud_on_demand", date(2026, 8, 1), now + 1),
        ("best", "neocloud_on_demand", date(2026, 8, 1), now),
    ]
    rows = [
        {**known, "hardware": hardware, "cost_basis": basis, "cost_month": month, "cost_usd": musd * 1e6}
        for hardware, basis, month, musd in costs
    ]
    row = verdicts(models, {"training_costs_monthly": rows})["G56"]
    assert row["verdict"] == verdict
    assert float(row["measured_value"]) == pytest.approx(now / first_list, abs=1e-6)


def test_the_squeeze_is_reported_and_not_judged(models: Models) -> None:
    known = {"gpu_id": "h100-sxm-80gb", "cost_basis": "rent", "throughput_scope": "all", "model_count": 5}
    rows = [
        {**known, "index_month": month, "gross_margin_ratio": 0.0}
        | {f"{kind}_gross_margin_ratio": margin for kind in ("low", "high", "median")}
        for month, margin in ((date(2024, 3, 1), 0.5), (date(2025, 3, 1), 0.9), (date(2026, 3, 1), 0.25))
    ]
    row = verdicts(models, {"inference_margin_index_monthly": rows})["G55"]
    assert (row["verdict"], float(row["measured_value"])) == ("reported", -0.25)


def test_without_observations_of_the_time_nothing_is_testable(models: Models) -> None:
    rows = verdicts(models, {"gpu_price_trends_daily": on(date(2026, 1, 1), 3, "rtx-4090")})
    assert set(rows) == {f"G5{number}" for number in range(7)}
    assert {row["verdict"] for row in rows.values()} == {"not testable"}
    assert {row["status_reason"] for row in rows.values()} == {"no observations of the time"}
