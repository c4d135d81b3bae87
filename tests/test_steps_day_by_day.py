"""Builds that go on from day to day give what one build from nothing gives, also where a later step shows
that days long built hold a wrong price."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.helpers import gpu_offer, provenance, token_price
from warehouse.contracts import CONTRACTS, READINGS_SCHEMA, conform
from warehouse.lake import Lake
from warehouse.settings import DBT_PROJECT

FIRST_DAY = datetime(2026, 1, 1, 6, tzinfo=UTC)
TABLES = (
    "core.price_steps",
    "intermediate.int_prices__in_error",
    "intermediate.int_gpu_prices__events",
    "marts.token_prices_daily",
    "marts.gpu_prices_daily",
)

pytestmark = pytest.mark.xdist_group("run")


def stretched(*stretches: tuple[int, str | None]) -> list[str | None]:
    """Prices day by day."""
    return [price for days, price in stretches for _ in range(days)]


LISTED = {"host_raw": "groq", "model_raw": "llama-3.3-70b-versatile"}
SONNET = {"model_raw": "claude-sonnet-4-5-20250929", "component": "output"}
TOKEN_PRICES: list[tuple[str, dict[str, Any], list[str | None]]] = [
    # In doubt at the first build, out of it at the second.
    ("models_dev", LISTED, stretched((15, "0.6"), (8, "600"), (17, "0.6"))),
    ("models_dev", {**LISTED, "component": "output"}, stretched((40, "0.8"))),
    # Wrong from its first day on, and nobody could know before the repair.
    ("models_dev", {"host_raw": "azure", **SONNET}, stretched((2, None), (26, "150"), (12, "15"))),
    ("models_dev", {"host_raw": "anthropic", **SONNET}, stretched((40, "15"))),
    ("litellm_prices", {"host_raw": "anthropic", **SONNET}, stretched((40, "15"))),
    # Out of sight, back within the month.
    ("litellm_prices", LISTED, stretched((12, "0.6"), (14, None), (14, "0.6"))),
]
GPU_OFFERS: list[tuple[str, dict[str, Any], list[str | None]]] = [
    # Taken back after the first build.
    ("lambda_cloud", {"provider_raw": "Lambda"}, stretched((16, "2.5"), (8, "3.5"), (16, "2.5"))),
    ("nebius_page", {"provider_raw": "Nebius"}, stretched((20, "3"), (20, "2.9"))),
    ("vastai", {"provider_raw": "Vast.ai"}, stretched((10, "2"), (3, None), (5, "2"), (7, "1.7"), (15, "2"))),
]


def write(lake: Lake, days: Iterable[int]) -> None:
    """The stories of these days, read daily; nobody reads Nebius from day 22 to day 30."""
    for table, stories in (("token_prices", TOKEN_PRICES), ("gpu_offers", GPU_OFFERS)):
        for source_id in {source_id for source_id, _, _ in stories}:
            for day in days:
                if source_id == "nebius_page" and 22 <= day <= 30:
                    continue
                rows = [
                    row
                    for told, known, prices in stories
                    if told == source_id
                    for row in sights(table, known, prices[day])
                ]
                add(lake, table, source_id, day, rows)


def sights(table: str, known: Mapping[str, Any], price: str | None) -> list[dict[str, Any]]:
    if price is None:
        return []
    if table == "token_prices":
        return [token_price(**known, usd_amount=price)]
    return [gpu_offer(**known, gpu_raw="H100 SXM", usd_per_hour=price, native_price=price)]


def add(lake: Lake, table: str, source_id: str, day: int, rows: list[dict[str, Any]]) -> None:
    at = FIRST_DAY + timedelta(days=day)
    told = provenance(source_id=source_id, observed_at=at, recorded_at=at)
    good, rejects = conform(CONTRACTS[table], pl.DataFrame(rows), told)
    assert rejects.is_empty()
    reading = {
        "contract": table,
        "source_id": source_id,
        "reading_scope": "",
        "read_at": at,
        "recorded_at": at,
        "evidence": "polled",
        "row_count": len(rows),
        "rejected_count": 0,
        "parser_version": 1,
    }
    lake.add(table, source_id, at.date(), "x", good)
    lake.add("readings", source_id, at.date(), "x", pl.DataFrame([reading], READINGS_SCHEMA))


def build(folder: Path, database: str, day: int) -> dict[str, set[tuple[Any, ...]]]:
    """Build as known at the end of a day and return the rows of the tables."""
    (folder / "history").mkdir(exist_ok=True)
    places = {
        "DBT_MARKET_BUILD": folder / database,
        "DBT_MARKET_LAKE": folder / "lake",
        "DBT_MARKET_HISTORY": folder / "history",
        "DBT_TARGET_PATH": folder / "target",
        "DBT_LOG_PATH": folder / "logs",
    }
    as_of = (FIRST_DAY + timedelta(days=day, hours=12)).isoformat()
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "build", "--select", "+int_build_state"),
            *("--resource-type", "seed", "--resource-type", "model", "--vars", json.dumps({"as_of": as_of})),
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
        ],
        env=os.environ | {name: str(path) for name, path in places.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    with duckdb.connect(str(folder / database), read_only=True) as connection:
        return {table: set(connection.execute(f"from {table}").fetchall()) for table in TABLES}


def test_a_wrong_price_that_shows_late_is_taken_back_from_the_days_already_built(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.prepare()
    write(lake, range(20))
    early = build(tmp_path, "by_day.duckdb", day=19)
    write(lake, range(20, 40))
    by_day = build(tmp_path, "by_day.duckdb", day=39)
    at_once = build(tmp_path, "at_once.duckdb", day=39)
    for table in TABLES:
        assert by_day[table] == at_once[table], table
    # The stories are worth comparing: errors came, went and reached back behind the first build.
    wrong_then, wrong_now = (found["intermediate.int_prices__in_error"] for found in (early, by_day))
    assert len(wrong_then) == 1
    assert len(wrong_now) == 3
    assert not wrong_then & wrong_now
