"""The report, rendered from small real databases and opened in a real browser where there is one."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from docs.screenshots import CHROMIUM, IMAGES, MOST_BYTES
from warehouse import report
from warehouse.errors import NoRelease
from warehouse.report import capability
from warehouse.report.charts import numbers
from warehouse.report.market import Point
from warehouse.settings import settings

SQL = Path(__file__).parents[1] / "sql" / "models"
RELEASE = {
    "release_id": "20260302T070000000000Z",
    "created_at": "2026-03-02T07:00:00+00:00",
    "code_version": "0.1.0",
    "methodology_version": "1.0",
    "as_of": "2026-03-02T06:00:00Z",
}
HOSTILE_MODEL = "</script><script>alert('model')</script><img src=https://evil.example/x onerror=alert(1)>"
HOSTILE_SELLER = '=HYPERLINK("https://evil.example")\u2028<!--<b onmouseover=alert(2)>'

DIMENSIONS = """
    create schema core; create schema marts; create schema ops;
    create table core.dim_gpus (gpu_id varchar, gpu_name varchar, family varchar, launch_date date);
    create table core.dim_labs (lab_id varchar, lab_name varchar, own_host_id varchar);
    create table core.dim_models (model_id varchar, model_name varchar, lab_id varchar);
    create table core.dim_providers (provider_id varchar, provider_name varchar);
"""
"""What the report reads of the dimensions, whose properties state no types."""


@cache
def published() -> dict[tuple[str, str], dict[str, str | None]]:
    """Type of each column of each published table, as its properties state it."""
    return {
        (schema, model["name"]): {column["name"]: column.get("data_type") for column in model["columns"]}
        for schema in ("core", "marts", "ops")
        for properties in sorted((SQL / schema).rglob("*.yml"))
        for model in yaml.safe_load(properties.read_text(encoding="utf-8"))["models"]
    }


def days(first: str, last: str) -> Iterator[date]:
    day = date.fromisoformat(first)
    while day <= date.fromisoformat(last):
        yield day
        day += timedelta(days=1)


def insert(connection: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        connection.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))


def new_market(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute(DIMENSIONS)
    for (schema, table), columns in published().items():
        if schema != "core":
            typed = ", ".join(f"{name} {data_type}" for name, data_type in columns.items())
            connection.execute(f"create table {schema}.{table} ({typed})")
    return connection


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """One H100 series that fell from 4.00 to 2.00 and came back to 2.50, one that is suppressed; GPT-4 at
    37.50 and a hostile model of its class at 0.50; one board; one stated margin; sources in every state."""
    insert(
        connection,
        "core.dim_gpus",
        {"gpu_id": "h100-sxm-80gb", "gpu_name": "H100 SXM 80GB", "family": "h100"},
    )
    insert(
        connection,
        "core.dim_gpus",
        {"gpu_id": "a100-sxm-80gb", "gpu_name": "A100 SXM 80GB", "family": "a100"},
    )
    insert(connection, "core.dim_labs", {"lab_id": "openai", "lab_name": "OpenAI", "own_host_id": "openai"})
    insert(connection, "core.dim_labs", {"lab_id": "meta", "lab_name": "Meta"})
    insert(
        connection,
        "core.dim_models",
        {"model_id": "gpt-4", "model_name": "GPT-4", "lab_id": "openai"},
        {"model_id": "hostile", "model_name": HOSTILE_MODEL, "lab_id": "meta"},
        {"model_id": "small", "model_name": "Small", "lab_id": "meta"},
    )
    insert(connection, "core.dim_providers", {"provider_id": "other", "provider_name": HOSTILE_SELLER})
    insert(
        connection,
        "marts.h100_rental_decline",
        {
            "series_id": "neocloud/on_demand/0/h100-sxm-80gb",
            "segment": "neocloud",
            "purchase_type": "on_demand",
            "commitment_months": 0,
            "gpu_id": "h100-sxm-80gb",
            "first_date": "2024-01-01",
            "last_date": "2026-03-01",
            "observed_days": 700,
            "is_thin": False,
            "latest_date": "2026-03-01",
            "age_days": 1,
            "latest_usd_per_gpu_hour": "2.5",
            "peak_usd_per_gpu_hour": "4",
            "trough_usd_per_gpu_hour": "2",
            "peak_date": "2024-06-01",
            "trough_date": "2025-10-01",
            "is_left_censored": False,
            "is_trough_confirmed": True,
            "drawdown_ratio": "-0.375",
            "matched_drawdown_ratio": "-0.25",
            "matched_provider_count": 3,
            "rebound_ratio": "0.25",
            "status": "provisional",
        },
        {
            "series_id": "marketplace/spot/0/h100-sxm-80gb",
            "segment": "marketplace",
            "purchase_type": "spot",
            "commitment_months": 0,
            "gpu_id": "h100-sxm-80gb",
            "first_date": "2026-02-20",
            "last_date": "2026-03-01",
            "observed_days": 10,
            "is_thin": True,
            "latest_date": "2026-03-01",
            "age_days": 1,
            "status": "suppressed",
            "status_reason": "fewer than 30 days <seen>",
        },
    )
    series = "neocloud/on_demand/0/h100-sxm-80gb"
    for day, usd in (
        ("2024-01-01", 3),
        ("2024-01-02", 3),
        ("2024-01-03", 4),
        ("2024-01-11", 4),
        ("2024-01-20", 2),
    ):
        insert(
            connection,
            "marts.gpu_price_trends_daily",
            {
                "price_date": day,
                "series_id": series,
                "smoothed_usd_per_gpu_hour": usd,
                "smoothed_day_count": 28,
            },
        )
    for model, host, usd, first, last in (
        ("gpt-4", "openai", "37.5", "2026-01-01", "2026-03-01"),
        ("hostile", "seller", "0.5", "2026-01-01", "2026-02-10"),
        ("hostile", "seller", "0.0005", "2026-02-11", "2026-02-13"),
        ("hostile", "seller", "0.25", "2026-02-14", "2026-03-01"),
        ("hostile", "other", "1", "2026-01-01", "2026-03-01"),
        ("hostile", "third", "2", "2026-01-01", "2026-03-01"),
        ("hostile", "meta", "0.75", "2026-02-20", "2026-03-01"),
        ("withdrawn", "meta", "0.02", "2026-01-01", "2026-03-01"),
        ("small", "seller", "0.01", "2026-01-01", "2026-03-01"),
        ("small", "other", "0.01", "2026-01-01", "2026-03-01"),
    ):
        for day in days(first, last):
            insert(
                connection,
                "marts.token_prices_daily",
                {
                    "price_date": day,
                    "host_id": host,
                    "model_raw": model,
                    "model_id": model,
                    "lab_id": "openai" if model == "gpt-4" else "meta",
                    "blended_usd_per_mtok": usd,
                    "is_primary": True,
                },
            )
    rated = (
        ("gpt-4", 1186, False),
        ("hostile", 1190, True),
        ("small", 1100, True),
        ("withdrawn", 1400, True),
    )
    for day, entries in (("2025-12-10", rated[2:]), ("2026-01-10", rated), ("2026-02-10", rated)):
        for model, score, is_open in entries:
            insert(
                connection,
                "marts.leaderboard_scores_daily",
                {
                    "score_date": day,
                    "leaderboard": "lmarena",
                    "board_version": "text",
                    "category": "overall",
                    "metric": "elo",
                    "model_raw": model,
                    "model_id": model,
                    "score": score,
                    "score_unit": "elo",
                    "is_open_weights": is_open,
                    "is_withdrawn": model == "withdrawn",
                },
            )
    in_class = {
        "leaderboard": "lmarena",
        "board_version": "text",
        "score_date": "2026-01-10",
        "board_id": "lmarena_text",
        "level_id": "gpt-4-0314",
        "reference_model": "gpt-4-0314",
        "model_id": "hostile",
        "host_id": "other",
        "status": "final",
    }
    insert(
        connection,
        "marts.capability_prices_monthly",
        {**in_class, "price_month": "2026-01-01", "usd_per_mtok": "0.5"},
        {**in_class, "price_month": "2026-02-01", "usd_per_mtok": "0.75"},
        {**in_class, "price_month": "2026-03-01", "status": "suppressed", "status_reason": "none sold"},
        {
            **in_class,
            "price_month": "2026-02-01",
            "usd_per_mtok": "9",
            "reference_model": "gpt-4o",
            "level_id": "gpt-4o",
        },
    )
    step = {
        "change_date": "2026-02-14",
        "host_id": "other",
        "model_raw": HOSTILE_MODEL,
        "model_id": "hostile",
        "component": "input",
        "service_tier": "standard",
        "old_usd_per_mtok": "0.4",
        "new_usd_per_mtok": "0.1",
        "ratio": 0.25,
        "days_held": 41,
    }
    smaller = {"component": "output", "old_usd_per_mtok": "0.8", "new_usd_per_mtok": "0.7", "ratio": 0.875}
    old = {"model_id": "small", "ratio": 0.1, "change_date": "2025-06-01"}
    own = {"host_id": "openai", "model_id": "gpt-4", "old_usd_per_mtok": "60", "new_usd_per_mtok": "30"}
    for changed in ({}, smaller, old, {**own, "ratio": 0.5, "change_date": "2025-06-01"}):
        insert(connection, "marts.token_price_changes", {**step, **changed})
    stated = {
        "stated_date": "2026-03-01",
        "case_id": "H04",
        "case_name": "A stated fleet day",
        "utilisation_ratio": 1,
        "gross_margin_ratio": 0.8,
        "markup_ratio": 4,
        "break_even_utilisation_ratio": 0.2,
    }
    insert(connection, "marts.inference_margin_cases", stated)
    served = {
        "margin_date": "2026-02-01",
        "until_date": "2026-03-01",
        "model_id": "small",
        "gpu_id": "h100-sxm-80gb",
        "cost_basis": "rent",
        "utilisation_ratio": 0.5,
        "throughput_tier": "measured",
        "markup_ratio": 1,
        "break_even_utilisation_ratio": 0.25,
    }
    for host_id, margin in (("one", -0.5), ("two", 0.5), ("three", 0.6)):
        insert(
            connection,
            "marts.inference_margins_daily",
            {**served, "host_id": host_id, "gross_margin_ratio": margin},
        )
    past = {
        "margin_date": "2026-01-01",
        "until_date": "2026-01-31",
        "host_id": "one",
        "gross_margin_ratio": 0.9,
    }
    insert(connection, "marts.inference_margins_daily", {**served, **past})
    source = {
        "publisher": "Publisher",
        "kind": "live",
        "row_count": 5,
        "rejected_count": 1,
        "is_stalled": False,
    }
    read = {"last_reading_at": "2026-03-01 06:00", "age_days": 1}
    tried = {"last_attempt_at": "2026-03-02 06:00", "last_outcome": "complete"}
    failed = {"last_outcome": "failed", "last_error_kind": "Unreachable", "last_error": "<html> came"}
    insert(
        connection,
        "ops.source_freshness",
        {**source, **read, **tried, "source_id": "well"},
        {
            **source,
            **read,
            **tried,
            "source_id": "late",
            "is_stalled": True,
            "stalled_reason": "the same bytes since 2026-01-01",
        },
        {**source, **read, **tried, **failed, "source_id": "dead"},
        {**source, **read, **tried, **failed, "source_id": "odd", "last_error_kind": "PayloadError"},
        {**source, **tried, **failed, "source_id": "gone"},
        {**source, "source_id": "new"},
        {**source, **read, "source_id": "closed", "kind": "history"},
    )
    fill_rents(connection)
    fill_capability(connection)
    fill_costs(connection)


def fill_rents(connection: duckdb.DuckDBPyConnection) -> None:
    """Two legs of the H100 series; its matched index, which fell to 90 and broke off; the A100 by month."""
    h100 = {
        "series_id": "neocloud/on_demand/0/h100-sxm-80gb",
        "segment": "neocloud",
        "purchase_type": "on_demand",
        "commitment_months": 0,
        "gpu_id": "h100-sxm-80gb",
        "status": "final",
    }
    insert(
        connection,
        "marts.gpu_rental_legs",
        {
            **h100,
            "leg_number": 1,
            "is_current": False,
            "start_date": "2024-01-01",
            "end_date": "2025-10-01",
            "peak_date": "2024-06-01",
            "peak_usd_per_gpu_hour": "4",
            "is_left_censored": False,
            "trough_date": "2025-10-01",
            "trough_usd_per_gpu_hour": "2",
            "is_trough_confirmed": True,
            "drawdown_ratio": "-0.5",
            "rebound_ratio": "0.25",
            "half_life_days": 487,
        },
        {
            **h100,
            "leg_number": 2,
            "is_current": True,
            "start_date": "2025-10-01",
            "end_date": "2026-03-01",
            "peak_date": "2026-03-01",
            "peak_usd_per_gpu_hour": "2.5",
            "is_left_censored": False,
            "fit_reason": "no fall yet",
        },
        {**h100, "series_id": "elsewhere", "leg_number": 1, "status": "suppressed"},
    )
    index = {**h100, "base_month": "2026-01-01", "matched_provider_count": 3}
    insert(
        connection,
        "marts.gpu_rental_index_monthly",
        {**index, "index_month": "2026-01-01", "index_value": 100, "index_low": 100, "index_high": 100},
        {**index, "index_month": "2026-02-01", "index_value": 90, "index_low": 81, "index_high": 99},
        {
            **h100,
            "index_month": "2026-03-01",
            "status": "suppressed",
            "status_reason": "fewer than 3 sellers <here>",
        },
        {
            **index,
            "series_id": "neocloud/on_demand/0/a100-sxm-80gb",
            "gpu_id": "a100-sxm-80gb",
            "index_month": "2026-01-01",
            "index_value": 100,
        },
    )
    a100 = {**h100, "series_id": "neocloud/on_demand/0/a100-sxm-80gb", "gpu_id": "a100-sxm-80gb"}
    for month, usd in (("2026-01-01", "2"), ("2026-03-01", "1.5")):
        insert(
            connection,
            "marts.gpu_rental_steps_monthly",
            {**a100, "price_month": month, "level_usd_per_gpu_hour": usd},
        )
    latest = {
        "level_usd_per_gpu_hour": "1.5",
        "p25_usd_per_gpu_hour": "1.25",
        "p75_usd_per_gpu_hour": "2",
        "change_30d_ratio": "-0.1",
        "provider_count": 4,
    }
    for day in ("2026-02-01", "2026-03-01"):
        insert(connection, "marts.gpu_price_trends_daily", {**a100, **latest, "price_date": day})
        insert(
            connection,
            "marts.gpu_price_spread_daily",
            {
                **a100,
                "price_date": day,
                "dearest_to_cheapest_ratio": "2.5",
                "cheapest_provider_id": "third",
                "dearest_provider_id": "other",
            },
        )


def fill_capability(connection: duckdb.DuckDBPyConnection) -> None:
    """Token indices of which the hedonic one halved in a year; a rate; frontiers a year apart; one gap; a
    model caught up with after 100 days and one not yet."""
    for kind, series, month, value, low, high, change in (
        ("matched", "blended", "2026-01-01", 100, 100, 100, None),
        ("matched", "blended", "2026-02-01", 95, 90, 99, math.log(0.9)),
        ("hedonic", "blended", "2026-01-01", 100, 100, 100, None),
        ("hedonic", "blended", "2026-02-01", 50, 40, 60, math.log(0.5)),
        ("frontier", "top_3", "2026-02-01", 120, 100, 130, None),
        ("frontier", "top_1", "2026-02-01", 777, None, None, None),
        ("fixed_capability", "lmarena_text/gpt-4-0314", "2026-02-01", 25, None, None, math.log(0.25)),
    ):
        insert(
            connection,
            "marts.token_price_index_monthly",
            {
                "index_kind": kind,
                "series": series,
                "price_month": month,
                "base_month": "2026-01-01",
                "index_value": value,
                "index_low": low,
                "index_high": high,
                "log_change_12m": change,
                "model_count": 20,
                "input_count": 60,
                "status": "final",
            },
        )
    lost = {"index_kind": "matched", "series": "blended", "price_month": "2025-12-01", "status": "suppressed"}
    insert(connection, "marts.token_price_index_monthly", {**lost, "status_reason": "nobody <was> read"})
    rate = {"board_id": "lmarena_text", "level_id": "gpt-4-0314", "month_count": 12}
    insert(
        connection,
        "marts.capability_price_rates",
        {
            **rate,
            "rate_method": "end_to_end",
            "fall_factor_per_year": 4,
            "fall_factor_per_year_low": 2,
            "fall_factor_per_year_high": 40,
            "first_date": "2025-03-31",
            "last_date": "2026-02-28",
            "status": "final",
        },
        {**rate, "rate_method": "theil_sen", "status": "suppressed", "status_reason": "too few months"},
    )
    for month, model_id, score, usd in (
        ("2025-01-01", "gpt-4", 1186, "30"),
        ("2025-06-01", "gpt-4", 1186, "20"),
        ("2026-02-01", "hostile", 1190, "0.5"),
        ("2026-02-01", "gpt-4", 1290, "10"),
    ):
        insert(
            connection,
            "marts.price_performance_frontier",
            {
                "price_month": month,
                "board_id": "lmarena_text",
                "model_id": model_id,
                "price_date": "2026-02-28",
                "score_date": "2026-02-10",
                "frontier_position": 1 + (model_id == "gpt-4"),
                "score": score,
                "score_unit": "elo",
                "usd_per_mtok": usd,
                "host_id": "other",
                "lab_id": "meta",
                "is_open_weights": model_id == "hostile",
                "priced_model_count": 7,
                "status": "final",
            },
        )
    snapshot = {
        "board_id": "lmarena_text",
        "score_unit": "elo",
        "closed_model_raw": "gpt-4-0314",
        "closed_model_id": "gpt-4",
        "open_model_raw": "hostile",
        "open_model_id": "hostile",
        "labs_within_10_points": 2,
        "labs_within_25_points": 2,
        "labs_within_50_points": 3,
        "scale_number": 1,
    }
    scores = {"closed_score": 1186, "open_score": 1190, "gap_points": -4, "probability_closed_leads": 0.3}
    thin = {"status": "suppressed", "status_reason": "fewer than 20 rated models"}
    insert(
        connection,
        "marts.capability_gap_daily",
        {**snapshot, **scores, "score_date": "2025-11-01", "status": "final"},
        {**snapshot, **scores, "score_date": "2026-01-10", "status": "final"},
        {**snapshot, **scores, "score_date": "2026-02-10", "status": "final"},
        {**snapshot, "score_date": "2025-10-01", **thin},
    )
    lag = {
        "board_id": "lmarena_text",
        "criterion": "strict",
        "first_rated_date": "2025-01-10",
        "last_rated_date": "2026-02-10",
        "is_left_censored": False,
        "status": "final",
    }
    insert(
        connection,
        "marts.catch_up_lags",
        {
            **lag,
            "reference_model": "gpt-4-0314",
            "release_date": "2025-01-01",
            "caught_up_date": "2025-04-11",
            "open_model_raw": HOSTILE_MODEL,
            "lag_days": 100,
            "is_censored": False,
            "open_usd_per_mtok": "0.5",
            "reference_usd_per_mtok": "37.5",
        },
        {
            **lag,
            "reference_model": "newer",
            "release_date": "2026-01-01",
            "lag_days": 40,
            "is_censored": True,
        },
    )
    insert(
        connection,
        "marts.catch_up_medians",
        {
            "board_id": "lmarena_text",
            "criterion": "strict",
            "median_lag_days": 100,
            "median_lag_days_low": 80,
            "reference_count": 2,
            "caught_up_count": 1,
            "censored_count": 1,
            "status": "final",
        },
    )


def fill_costs(connection: duckdb.DuckDBPyConnection) -> None:
    """A margin index far below zero; Llama 2 70B's run as published and at a list price; a rent beside the
    price of a machine; claims of every verdict."""
    index = {
        "gpu_id": "h100-sxm-80gb",
        "cost_basis": "rent",
        "throughput_scope": "measured",
        "utilisation_ratio": "0.5",
    }
    insert(
        connection,
        "marts.inference_margin_index_monthly",
        {
            **index,
            "index_month": "2026-01-01",
            "gross_margin_ratio": "-1.5",
            "low_gross_margin_ratio": "-3",
            "high_gross_margin_ratio": "0.25",
            "median_gross_margin_ratio": "0.1",
            "break_even_utilisation_ratio": "0.45",
            "model_count": 4,
            "status": "final",
        },
        {
            **index,
            "index_month": "2026-02-01",
            "status": "suppressed",
            "status_reason": "1 model of 3 needed",
        },
    )
    run = {
        "run_id": "llama-2-70b",
        "run_name": "Llama 2 70B",
        "hardware": "own",
        "gpu_id": "a100-sxm-80gb",
        "trained_on_gpu_id": "a100-sxm-80gb",
        "is_converted": False,
        "status": "final",
    }
    # 1,720,320 hours at 32.77 / 8 and at 4.00 USD, the latter between 3.50 and 4.50.
    stated = {"cost_basis": "stated", "cost_usd": "7046860.80"}
    listed = {
        "cost_basis": "list_on_demand",
        "cost_usd": "6881280.00",
        "low_cost_usd": "6021120.00",
        "high_cost_usd": "7741440.00",
    }
    insert(
        connection,
        "marts.training_costs_monthly",
        {**run, **stated, "cost_month": "2023-09-01"},
        {**run, **listed, "cost_month": "2026-01-01"},
        {**run, "cost_month": "2026-02-01", "cost_basis": "list_on_demand", "status": "suppressed"},
    )
    bought = {
        "rent_month": "2026-01-01",
        "gpu_id": "h100-sxm-80gb",
        "series_id": "neocloud/on_demand/0/h100-sxm-80gb",
        "segment": "neocloud",
        "purchase_type": "on_demand",
        "commitment_months": 0,
        "utilisation_ratio": "0.7",
        "rent_decline_per_month_ratio": "0.01",
        "residual_ratio": "0.4",
        "is_headline": True,
        "rent_usd_per_gpu_hour": "3",
        "capital_usd_per_gpu": "40000",
        "simple_payback_months": 17.6,
        "falling_rent_payback_months": 20,
        "break_even_rent_usd_per_gpu_hour": "1.75",
        "status": "final",
    }
    insert(
        connection,
        "marts.rent_vs_buy_monthly",
        bought,
        {
            **bought,
            "is_headline": False,
            "rent_decline_per_month_ratio": "0.02",
            "discounted_payback_months": 50,
        },
        {
            **bought,
            "rent_month": "2026-02-01",
            "status": "suppressed",
            "status_reason": "no purchase price within a year",
        },
    )
    claim = {
        "claim_id": "C1",
        "stated_date": "2024-05-07",
        "statement": "Rents fall every month",
        "source": "a newsletter",
        "test": "the rents of h100-sxm-80gb",
        "verdict": "holds",
        "answer": "neocloud/on_demand/0/h100-sxm-80gb moved by -10 % to 2.50 USD.",
        "first_date": "2024-01-01",
        "last_date": "2024-05-01",
        "as_of_date": "2026-03-02",
        "status": "final",
    }
    insert(
        connection,
        "marts.claims",
        claim,
        {
            **claim,
            "claim_id": "C2",
            "verdict": "fails",
            "statement": HOSTILE_MODEL,
            "answer": "cheaper: gpt-4.",
        },
        {
            **claim,
            "claim_id": "C3",
            "verdict": "not testable",
            "answer": None,
            "first_date": None,
            "status": "suppressed",
            "status_reason": "two sellers",
        },
        {**claim, "claim_id": "C4", "verdict": "reported", "status": "provisional"},
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "market.duckdb"
    with new_market(path) as connection:
        fill(connection)
    return path


@pytest.fixture(scope="module")
def site(database: Path) -> dict[str, str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return report.render(connection, RELEASE)


@pytest.fixture(scope="module", params=["index", *report.PAGES])
def page(site: dict[str, str], request: pytest.FixtureRequest) -> str:
    """Each page in turn: what holds for every page."""
    return site[f"{request.param}.html"]


class Page(HTMLParser):
    """Tags with attributes, scripts, and text outside script and style, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "script" and self.cdata_elem:
            self.scripts.append((attributes, data))
        elif not self.cdata_elem:
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"[\s\u00a0]+", " ", " ".join(self.text))


def pages(site: dict[str, str]) -> list[str]:
    return [text for name, text in site.items() if name.endswith(".html")]


def specs(page: str) -> dict[str, dict[str, Any]]:
    return {
        str(attributes["data-chart"]): json.loads(text)
        for attributes, text in Page(page).scripts
        if attributes.get("type") == "application/json"
    }


def values_of(spec: dict[str, Any], layer: int = 0) -> list[dict[str, Any]]:
    data = spec["layer"][layer]["data"]
    return data["values"] if "values" in data else spec["datasets"][data["name"]]


def cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL)
    return [
        [
            re.sub(r"[\s\u00a0]+", " ", cell)
            for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        ]
        for row in rows
    ]


def test_the_columns_of_the_dimensions_are_published() -> None:
    """The marts here are made of their contracts; of the dimensions there is just what the report reads."""
    with duckdb.connect() as connection:
        connection.execute(DIMENSIONS)
        read = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
        ).fetchall()
    assert read
    assert not [row for row in read if row[2] not in published()[row[0], row[1]]]


def test_an_h100_series_shows_its_level_and_its_legs(site: dict[str, str]) -> None:
    page = site["gpus.html"]
    row = next(row for row in cells(page) if row[0] == "neocloud, on demand")
    assert row == [
        "neocloud, on demand",
        "H100 SXM 80GB",
        "$2.50",
        "1 Mar 2026, 1 day",
        "$4.00 Jun 2024",
        "−38 %",
        "−25 %",
        "$2.00 Oct 2025",
        "+25 %",
        "provisional",
    ]
    labels = [values_of(specs(page)["chart-h100-1"], layer)[0] for layer in (-3, -2, -1)]
    assert [(label["kind"], label["label"]) for label in labels] == [
        ("peak", "$4.00"),
        ("trough", "$2.00"),
        ("latest", "$2.50"),
    ]


def test_a_suppressed_series_says_why_and_has_no_number(site: dict[str, str]) -> None:
    page = site["gpus.html"]
    row = next(row for row in cells(page) if row[0] == "marketplace, spot")
    assert row[1:] == [
        "H100 SXM 80GB",
        "20 Feb 2026 to 1 Mar 2026",
        "fewer than 30 days &lt;seen&gt;",
    ]


def test_a_line_breaks_where_more_than_seven_days_are_missing(site: dict[str, str]) -> None:
    """3 to 11 January leaves seven days without a price, 11 to 20 January eight."""
    page = site["gpus.html"]
    corners = values_of(specs(page)["chart-h100-1"])
    assert [(corner["day"], corner["value"], corner["run"][-1]) for corner in corners] == [
        ("2024-01-01", 3, "1"),
        ("2024-01-03", 4, "1"),
        ("2024-01-11", 4, "1"),
        ("2024-01-20", 2, "2"),
    ]


def test_prices_are_drawn_as_steps(site: dict[str, str]) -> None:
    lines = [
        layer["mark"]
        for page in pages(site)
        for name, spec in specs(page).items()
        if name not in ("chart-margins", "chart-pareto-lmarena_text")
        for layer in spec["layer"]
        if layer["mark"]["type"] in ("line", "area")
    ]
    assert lines
    assert {line["interpolate"] for line in lines} == {"step-after"}


def test_every_chart_is_valid_vega_lite(site: dict[str, str]) -> None:
    import altair as alt

    drawn = {name: spec for page in pages(site) for name, spec in specs(page).items()}
    assert len(drawn) > 10
    for spec in drawn.values():
        alt.LayerChart.from_dict({**spec, "config": {}}, validate=True)


def test_the_gpt_4_class_costs_what_the_mart_says_month_by_month(site: dict[str, str]) -> None:
    """0.50 in January and 0.75 in February; a suppressed month and another reference model are not drawn."""
    page = site["capability.html"]
    corners = values_of(specs(page)["chart-gpt-4-class"])
    cheapest = [(c["day"], c["value"]) for c in corners if c["series"] == capability.CHEAPEST]
    assert cheapest == [("2026-01-01", 0.5), ("2026-02-01", 0.75), ("2026-02-28", 0.75)]
    assert "50 times cheaper than GPT-4 at $37.50" in Page(page).words


def test_the_frontier_compares_the_best_closed_with_the_best_open_model(site: dict[str, str]) -> None:
    page = site["capability.html"]
    assert "stood 4 points behind the best open-weight model" in Page(page).words


def test_catalogues_that_disagree_are_drawn_apart_and_named(tmp_path: Path) -> None:
    """GPT-4 by one catalogue at 2 and by another at 10, taken in turn; Small moves once, in one catalogue."""
    with new_market(tmp_path / "market.duckdb") as connection:
        insert(
            connection, "core.dim_labs", {"lab_id": "openai", "lab_name": "OpenAI", "own_host_id": "openai"}
        )
        for model in ("gpt-4", "small"):
            dimension = {"model_id": model, "model_name": model.title(), "lab_id": "openai"}
            insert(connection, "core.dim_models", dimension)
            for day, is_best in (("2026-01-01", model == "gpt-4"), ("2026-01-02", model == "small")):
                rated = {
                    "model_raw": model,
                    "model_id": model,
                    "score": 1000 + is_best,
                    "is_withdrawn": False,
                }
                board = {"leaderboard": "lmarena", "board_version": "text", "category": "overall"}
                scale = {"metric": "elo", "score_unit": "elo", "score_date": day}
                insert(connection, "marts.leaderboard_scores_daily", {**rated, **board, **scale})
        for day, source, usd, small_usd in (
            ("2026-01-01", "one", 2, 1),
            ("2026-01-02", "other", 10, 1),
            ("2026-01-03", "one", 2, 3),
        ):
            price = {"price_date": day, "host_id": "openai", "lab_id": "openai", "is_primary": True}
            for model, source_id, found in (("gpt-4", source, usd), ("small", "one", small_usd)):
                told = {"model_raw": model, "model_id": model, "source_id": source_id}
                insert(
                    connection, "marts.token_prices_daily", {**price, **told, "blended_usd_per_mtok": found}
                )
        page = report.render(connection, RELEASE)["tokens.html"]
    corners = values_of(specs(page)["chart-tokens-openai"])
    runs = {(c["run"], c["value"]) for c in corners if c["series"] == "Gpt-4"}
    assert runs == {("gpt-4/one/1", 2), ("gpt-4/other/1", 10)}
    assert "Catalogues disagree about Gpt-4, and" in Page(page).words


def test_recent_steps_are_real_ones_and_one_per_model_and_seller(site: dict[str, str]) -> None:
    """Left out: a smaller step of the same model, a repair of a unit, a step at a seller 258 days before."""
    page = site["tokens.html"]
    table = page[page.index('id="steps"') : page.index("</main>")]
    rows = [row for row in cells(table) if row[0] != "Day"]
    assert [(row[0], *row[3:]) for row in rows] == [
        ("1 Jun 2025", "input", "$60.00", "$30.00", "−50 %", "41"),
        ("14 Feb 2026", "input", "$0.40", "$0.10", "−75 %", "41"),
    ]


def test_a_margin_is_shown_with_its_markup_and_break_even(site: dict[str, str]) -> None:
    page = site["margins.html"]
    row = next(row for row in cells(page) if row[0] == "A stated fleet day")
    assert row[1:] == ["stated prices", "measured", "1 Mar 2026", "–", "80 %", "400 % at 100 %", "20 %"]


def test_a_model_earns_what_its_median_host_earned_last(site: dict[str, str]) -> None:
    page = site["margins.html"]
    (row,) = (row for row in cells(page) if row[0] == "Small, 3 hosts")
    assert row[1:] == ["rented machines", "measured", "1 Mar 2026", "50 %", "–", "100 % at 50 %", "25 %"]
    assert "run from 50 % to 50 %, 1 of 1 above zero" in Page(page).words


def test_every_leg_of_an_h100_series_has_its_row_and_a_suppressed_one_none(site: dict[str, str]) -> None:
    page = site["gpus.html"]
    legs = [row for row in cells(page) if len(row) == 10 and row[2] in ("1", "2 (now)")]
    assert [row[2:] for row in legs] == [
        [
            "1",
            "1 Jan 2024 to 1 Oct 2025",
            "$4.00 on 1 Jun 2024",
            "$2.00 on 1 Oct 2025",
            "−50 %",
            "+25 %",
            "in 487 days",
            "final; trough confirmed",
        ],
        [
            "2 (now)",
            "1 Oct 2025 to 1 Mar 2026",
            "$2.50 on 1 Mar 2026",
            "no fall yet",
            "–",
            "–",
            "not yet; no rate: no fall yet",
            "final",
        ],
    ]


def test_the_matched_index_has_its_band_and_says_what_is_suppressed(site: dict[str, str]) -> None:
    """90 in February, between 81 and 99; March is suppressed; the A100 has the month of its base alone."""
    page = site["gpus.html"]
    spec = specs(page)["chart-index-h100"]
    assert [(c["day"], c["value"]) for c in values_of(spec)] == [
        ("2026-01-01", 100),
        ("2026-02-01", 90),
        ("2026-02-28", 90),
    ]
    (band,) = (layer for layer in spec["layer"] if layer["mark"]["type"] == "area")
    found = values_of(spec, spec["layer"].index(band))
    assert [(c["low"], c["high"]) for c in found] == [(100, 100), (81, 99), (81, 99)]
    assert "chart-index-a100" not in specs(page)
    assert "Suppressed months: 1 (fewer than 3 sellers <here>)." in Page(page).words
    assert "90.0 in Feb 2026 (90 % interval 81.0 to 99.0; 3 sellers)" in Page(page).words
    assert site["data/chart-index-h100.csv"].splitlines()[2].endswith(",2026-02-01,90,,81,99")


def test_an_index_that_is_suppressed_throughout_says_why_and_draws_nothing(tmp_path: Path) -> None:
    with new_market(tmp_path / "market.duckdb") as connection:
        for month in ("2026-01-01", "2026-02-01"):
            index = {"series_id": "neocloud/on_demand/0/h100-sxm-80gb", "index_month": month}
            told = {"status": "suppressed", "status_reason": "two sellers"}
            insert(connection, "marts.gpu_rental_index_monthly", {**index, **told, "commitment_months": 0})
        page = report.render(connection, RELEASE)["gpus.html"]
    words = Page(page).words
    assert "No series has an index in two months of one base." in words
    assert "Of 2 months of 1 series, 0 have one. Suppressed months: 2 (two sellers)." in words
    assert not specs(page)


def test_an_accelerator_shows_months_with_a_level_and_its_latest_spread(site: dict[str, str]) -> None:
    """January and March have a level; nothing joins them over February."""
    page = site["gpus.html"]
    corners = values_of(specs(page)["chart-gpu-a100"])
    assert [(c["day"], c["value"]) for c in corners] == [
        ("2026-01-01", 2),
        ("2026-01-31", 2),
        ("2026-03-01", 1.5),
        ("2026-03-31", 1.5),
    ]
    assert len({c["run"] for c in corners}) == 2
    (row,) = (row for row in cells(page) if row[:3] == ["A100 SXM 80GB", "neocloud, on demand", "1 Mar 2026"])
    assert row[3:] == [
        "$1.50",
        "$1.25 to $2.00",
        "−10 %",
        "–",
        "4",
        "2.5×",
        "third, =HYPERLINK(&#34;https://evil.example&#34;) &lt;!--&lt;b onmouseover=alert(2)&gt;",
        "final",
    ]


def test_the_three_token_indices_share_a_chart_and_a_table_compares_their_years(site: dict[str, str]) -> None:
    """Logarithms of 0.9, 0.5 and 0.25 are falls by 10, 50 and 75 %."""
    page = site["tokens.html"]
    corners = values_of(specs(page)["chart-token-index"])
    ends = {corner["series"].split(":")[0]: corner["value"] for corner in corners}
    assert ends == {"Matched": 95, "Hedonic": 50, "Frontier": 120}
    years = {tuple(row[:2]): row[-1] for row in cells(page) if row[-2:-1] == ["Jan 2026 = 100"]}
    assert years == {
        ("Matched", "3 parts input, 1 part output"): "−10 %",
        ("Hedonic", "3 parts input, 1 part output"): "−50 %",
        ("Frontier", "the best model"): "–",
        ("Frontier", "the three best models"): "–",
        ("Fixed capability", "Arena: gpt-4-0314"): "−75 %",
    }
    assert "Suppressed months of an index: 1 (nobody <was> read)." in Page(page).words


def test_a_fixed_level_has_its_rates_with_intervals_and_reasons(site: dict[str, str]) -> None:
    page = site["capability.html"]
    series = {c["series"] for c in values_of(specs(page)["chart-level-lmarena_text"])}
    assert series == {"gpt-4-0314", "gpt-4o"}
    (row,) = (row for row in cells(page) if row[:2] == ["Arena", "gpt-4-0314"])
    assert row[2:] == ["–", "suppressed: too few months", "4.0× (2.0× to 40×)", "Mar 2025 to Feb 2026", "12"]
    assert "Suppressed months of these levels: 1 (none sold)." in Page(page).words


def test_the_frontier_of_prices_is_compared_with_the_latest_a_year_or_more_before(
    site: dict[str, str],
) -> None:
    """June 2025 lies but eight months before February 2026."""
    page = site["capability.html"]
    spec = specs(page)["chart-pareto-lmarena_text"]
    dots = [(dot["series"], dot["usd"], dot["score"]) for dot in values_of(spec, 1)]
    february, january = "Feb\u00a02026", "Jan\u00a02025"
    assert dots == [(february, 0.5, 1190), (february, 10, 1290), (january, 30, 1186)]
    assert spec["layer"][0]["mark"]["interpolate"] == "step-after"
    assert "In Feb 2026 2 of 7 priced models were on the frontier" in Page(page).words


@pytest.mark.parametrize(
    ("steps", "named"),
    [
        ([(0.01, 0), (0.011, 3), (0.012, 4), (1, 100)], [0, 4, 100]),
        ([(0.01, 0), (1, 1), (1.1, 100)], [0, 1, 100]),
    ],
    ids=["close by in both", "far apart in price"],
)
def test_names_of_models_stand_where_they_do_not_cover_each_other(
    steps: list[tuple[float, int]], named: list[int]
) -> None:
    """Of a score range of 100, 4 points are room for a name; so is a quarter of the range of prices."""
    found = capability._apart([{"usd": usd, "score": score} for usd, score in steps])
    assert [dot["score"] for dot in found] == named


def test_the_gap_breaks_over_more_than_sixty_days_and_has_its_words(site: dict[str, str]) -> None:
    """1 November to 10 January are 70 days, 10 January to 10 February 31."""
    page = site["capability.html"]
    corners = values_of(specs(page)["chart-gap-lmarena_text"])
    closed = [corner for corner in corners if corner["series"] == capability.CLOSED]
    assert [corner["run"][-1] for corner in closed] == ["1", "2", "2"]
    words = Page(page).words
    assert "(ahead with a probability of 30 %)" in words
    assert "Suppressed snapshots: 1 (fewer than 20 rated models)." in words


def test_a_model_not_caught_up_with_stays_in_sight(site: dict[str, str]) -> None:
    page = site["capability.html"]
    rows = {row[0]: row[1:] for row in cells(page) if row[0] in ("gpt-4-0314", "newer")}
    assert rows["gpt-4-0314"][1] == "11 Apr 2025"
    assert rows["gpt-4-0314"][3:] == ["100", "$37.50", "$0.50"]
    assert rows["newer"] == ["1 Jan 2026", "not by 10 Feb 2026", "–", "more than 40", "–", "–"]
    assert "half after 100 days (90 % interval 80 to not reached yet)" in Page(page).words


def test_the_margin_index_keeps_its_numbers_below_the_chart(site: dict[str, str]) -> None:
    page = site["margins.html"]
    spec = specs(page)["chart-margin-index-h100-sxm-80gb-rent"]
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == [-1, 1]
    (row,) = (row for row in cells(page) if row[:2] == ["Jan 2026", "models with measured throughput"])
    assert row[2:] == ["", "−150 %", "−300 % to 25 %"]
    assert "median model 10 %, breaks even at 45 % use; 4 models" in Page(page).words
    assert "Suppressed months: 1 (1 model of 3 needed)." in Page(page).words


def test_the_training_run_costs_what_the_article_said_and_less_later(site: dict[str, str]) -> None:
    """7,046,860.80 USD in September 2023, the list price of January 2026 between its quartiles."""
    page = site["margins.html"]
    spec = specs(page)["chart-training-llama-2-70b-own"]
    assert [(c["series"], c["day"], c["value"]) for c in values_of(spec)] == [
        ("hyperscalers, on demand", "2026-01-01", 6.88128),
        ("hyperscalers, on demand", "2026-01-31", 6.88128),
        ("as stated by the source", "2023-09-01", 7.04686),
        ("as stated by the source", "2023-09-30", 7.04686),
    ]
    (row,) = (row for row in cells(page) if row[:2] == ["Jan 2026", "hyperscalers, on demand"])
    assert row[3:] == ["$6.88", "$6.02 to $7.74"]
    assert "left out: 1 of 3 months" in Page(page).words


def test_rent_stands_beside_the_break_even_of_an_owner(site: dict[str, str]) -> None:
    page = site["margins.html"]
    corners = values_of(specs(page)["chart-rent-or-buy-h100-sxm-80gb"])
    assert {(c["series"], c["value"]) for c in corners} == {
        ("neocloud, on demand, H100 SXM 80GB", 3),
        ("break-even rent of an owner at 70\u00a0% use", 1.75),
    }
    (row,) = (row for row in cells(page) if row[2:4] == ["Jan 2026", "$3.00"])
    assert row[4:] == ["$1.75", "$40,000", "70 %", "18 months", "20 months", "never"]
    assert ["70 %", "40 %", "never", "50 months"] in cells(page)
    assert "ends in Jan 2026, as there is no purchase price within a year of Feb 2026" in Page(page).words


def test_a_claim_reads_as_an_answer_in_plain_words(site: dict[str, str]) -> None:
    page = site["claims.html"]
    claims = {row[0]: row[1:] for row in cells(page)[1:]}
    assert claims["Rents fall every month"][0] == "Reported, not judged (provisional)"
    verdicts = [row[1] for row in cells(page)[1:]]
    assert verdicts == ["Holds", "Does not hold", "Cannot be tested", "Reported, not judged (provisional)"]
    (first, second, third, _) = cells(page)[1:]
    assert first[2:] == [
        "A newsletter, 7 May 2024",
        "The rents of H100 SXM 80GB.",
        "neocloud, on demand, H100 SXM 80GB moved by −10 % to 2.50 USD. Data of 1 Jan 2024 to 1 May 2024.",
    ]
    assert second[4].startswith("cheaper: GPT-4.")
    assert third[4].strip() == "two sellers."
    assert "1 hold up, 1 not borne out, 1 reported without a verdict, 1 not testable" in Page(page).words


def test_every_source_has_its_state_and_age(site: dict[str, str]) -> None:
    page = site["sources.html"]
    table = page[page.index('id="sources"') : page.index("</main>")]
    assert {row[0]: (row[1], row[4]) for row in cells(table)[1:]} == {
        "closed": ("closed history", "1 day"),
        "dead": ("unreachable", "1 day"),
        "gone": ("unreachable, never read", "–"),
        "late": ("stalled", "1 day"),
        "new": ("never fetched", "–"),
        "odd": ("failing", "1 day"),
        "well": ("fresh", "1 day"),
    }


def test_the_footer_names_release_methodology_and_evidence(page: str) -> None:
    words = Page(page[page.index("<footer") :]).words
    assert "Release 20260302T070000000000Z" in words
    assert "methodology 1.0" in words
    assert "not trades" in words
    assert "levels 3 to 4" in words


def test_hostile_names_stay_text(page: str, site: dict[str, str]) -> None:
    parsed = Page(page)
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"img", "b", "html>"})
    assert not [name for _, attributes in parsed.tags for name in attributes if name.startswith("on")]
    executable = [text for attributes, text in parsed.scripts if attributes.get("type") != "application/json"]
    assert len(executable) == bool(specs(page))
    assert HOSTILE_MODEL not in page
    assert re.sub(r"\s+", " ", HOSTILE_MODEL) in Page(site["capability.html"]).words


def test_no_chart_data_can_leave_its_element(site: dict[str, str]) -> None:
    for page in pages(site):
        for attributes, text in Page(page).scripts:
            if attributes.get("type") == "application/json":
                assert not set("<>&\u2028") & set(text)
    hints = {corner["what"] for corner in values_of(specs(site["capability.html"])["chart-gpt-4-class"])}
    assert f"{HOSTILE_MODEL}, sold by {HOSTILE_SELLER}" in hints


def test_a_name_that_is_a_formula_is_not_one_in_the_download() -> None:
    text = numbers([Point("=1+1", "@line", 1, date(2026, 1, 1), 2.0, HOSTILE_SELLER)], "usd")
    assert text.splitlines()[1].startswith("'=1+1,'@line,1,2026-01-01,2,\"'=HYPERLINK(")


def test_a_page_loads_nothing_and_links_to_the_site_alone(page: str, site: dict[str, str]) -> None:
    addresses = [
        str(attributes[name])
        for _, attributes in Page(page).tags
        for name in ("src", "href", "srcset", "poster", "data", "action")
        if name in attributes
    ]
    assert addresses
    assert set(addresses) <= set(site)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_the_one_script_and_no_request(page: str) -> None:
    parsed = Page(page)
    policy = next(
        str(attributes["content"])
        for tag, attributes in parsed.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    allowed = "'none'"
    if specs(page):
        script = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
        allowed = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    assert policy.startswith(f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline';")


def test_the_library_is_in_the_page_once_and_the_page_stays_small(page: str) -> None:
    assert page.count("vega.github.io/schema/vega/v6.json") <= 1
    assert len(page.encode()) < 1_200_000


def test_every_chart_has_title_words_and_numbers(page: str, site: dict[str, str]) -> None:
    parsed = Page(page)
    charts = [attributes for tag, attributes in parsed.tags if attributes.get("class") == "chart"]
    assert len(charts) == len(specs(page))
    for chart in charts:
        assert len(str(chart["aria-label"])) > 30
    assert page.count("<figcaption") == page.count("<summary>The numbers") == len(charts)
    captions = re.findall(r"Unit: \S.*?\. Evidence: \S.*?\. As of \S.*?\d{4}\.", Page(page).words)
    assert len(captions) == len(charts)
    for name in specs(page):
        assert len(site[f"data/{name}.csv"].splitlines()) > 1


def test_the_overview_has_every_fact_and_a_chart_of_each_page(site: dict[str, str]) -> None:
    assert set(specs(site["index.html"])) >= {"chart-h100-1", "chart-gpt-4-class", "chart-margins"}
    assert "Fresh live sources" in Page(site["index.html"]).words


def test_empty_marts_give_a_report_that_says_so(tmp_path: Path) -> None:
    with new_market(tmp_path / "market.duckdb") as connection:
        told = report.render(connection, RELEASE)
    assert sum(page.count('class="missing">This release') for page in pages(told)) == 17
    assert not any("<figure" in page for page in pages(told))


def test_absent_marts_give_a_report_that_says_so(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "market.duckdb")) as connection:
        told = report.render(connection, RELEASE)
    assert sum(page.count('class="missing">This release') for page in pages(told)) == 17


def test_a_report_that_fails_leaves_the_old_one_and_a_new_one_no_left_over(
    tmp_path: Path, database: Path, site: dict[str, str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "chart-of-long-ago.csv").write_text("old")
    with duckdb.connect(str(database), read_only=True) as connection:
        overview = report.write_report(connection, RELEASE, tmp_path)
        good = overview.read_text(encoding="utf-8")
        with pytest.raises(KeyError):
            report.write_report(connection, {}, tmp_path)
    assert overview.read_text(encoding="utf-8") == good
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} == set(site)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AIMARKET_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_the_report_of_the_current_release_goes_to_its_place(home: Path, database: Path) -> None:
    release = home / "releases" / f"market-{RELEASE['release_id']}.duckdb"
    release.parent.mkdir()
    shutil.copy(database, release)
    release.with_suffix(".json").write_text(json.dumps(RELEASE), encoding="utf-8")
    (home / "market.duckdb").symlink_to(release)
    assert report.draw_report() == home / "report" / "index.html"
    assert RELEASE["release_id"] in (home / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("home")
def test_without_a_release_there_is_no_report() -> None:
    with pytest.raises(NoRelease, match="aimarket run"):
        report.draw_report()


def test_importing_the_report_does_not_import_the_chart_libraries() -> None:
    heavy = {"altair", "vl_convert", "jinja2", "dagster", "dbt"}
    code = f"import sys, warehouse.report; print({heavy} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def assert_filters_work(tab: Any, folder: Path) -> None:
    """An accelerator hides the others' charts and rows; a model its lab's other lines and the other labs."""
    tab.goto((folder / "gpus.html").as_uri())
    accelerators = tab.locator("#accelerators")
    choice = accelerators.get_by_label("Show accelerator")
    assert choice.locator("option").all_inner_texts() == ["all", "A100"]
    rows = accelerators.locator("tbody tr[data-keys]")
    choice.select_option("A100")
    assert rows.evaluate_all("rows => rows.every(row => !row.hidden)")
    assert accelerators.locator("output").inner_text() == "1 chart"
    tab.goto((folder / "tokens.html").as_uri())
    tokens = tab.locator("#tokens")
    choice = tokens.get_by_label("Show model")
    charts = tokens.locator("figure")
    assert charts.count() == 2
    lines = "document.querySelectorAll('#tokens figure:not([hidden]) .mark-line path')"
    faint = f"[...{lines}].filter((line) => Number(line.getAttribute('opacity')) < 1).length"
    tab.wait_for_function(f"() => {lines}.length === 3")
    choice.focus()
    choice.select_option("Small, median of hosts")
    assert [chart.is_visible() for chart in charts.all()] == [False, True]
    tab.wait_for_function(f"() => {faint} === 1")
    choice.select_option("Meta")
    assert [chart.is_visible() for chart in charts.all()] == [False, True]
    tab.wait_for_function(f"() => {faint} === 0")
    choice.select_option("")
    assert [chart.is_visible() for chart in charts.all()] == [True, True]
    tab.wait_for_function(f"() => [...{lines}].every((line) => line.getBBox().width > 9)")
    assert tokens.locator("output").inner_text() == "2 charts"


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: the site was not opened in a browser")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_every_chart_without_a_request_or_a_complaint(
    site: dict[str, str], database: Path, tmp_path: Path, scheme: str
) -> None:
    from playwright.sync_api import sync_playwright

    with duckdb.connect(str(database), read_only=True) as connection:
        report.write_report(connection, RELEASE, tmp_path)
    requests: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        tab = browser.new_context(color_scheme=scheme, viewport={"width": 400, "height": 800}).new_page()
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("dialog", lambda dialog: complaints.append(dialog.message))
        tab.goto((tmp_path / "index.html").as_uri())
        titles = tab.locator("nav a").all_inner_texts()
        for title in titles:
            tab.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
            tab.wait_for_function(
                "[...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg path'))"
            )
            assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            name = tab.evaluate("location.pathname.split('/').pop()")
            assert tab.locator(".chart svg").count() == len(specs(site[name]))
        assert_filters_work(tab, tmp_path)
        browser.close()
    assert {Path(url).name for url in requests} == {name for name in site if name.endswith(".html")}
    assert all(url.startswith(tmp_path.as_uri()) for url in requests)
    assert complaints == []


def test_there_is_a_picture_of_every_page() -> None:
    kept = {picture.stem: picture.stat().st_size for picture in IMAGES.glob("*.png")}
    assert set(kept) == {"index", *report.PAGES}, "run `make screenshots`"
    assert max(kept.values()) <= MOST_BYTES
