"""Five years of GPU offers: the whole build, and one day more, against that day after a month.

The offers are made up, for timing only: a marketplace where machines come and go, and clouds with lists.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from bench.published import AIMARKET, settled
from bench.table import Row, watched
from warehouse.contracts import CONTRACTS, READINGS_SCHEMA
from warehouse.lake import Lake

OBSERVATIONS = int(os.environ.get("BENCH_OBSERVATIONS", "50_000_000"))
"""In the long lake; fewer for a first look at a change."""
BUILD = (AIMARKET, "build", "--json")
LAST_DAY = date(2026, 6, 30)
LONG_DAYS = 5 * 365
SHORT_DAYS = 30
MOST_SECONDS = 300.0
MOST_GB = 8.0
MOST_TIMES_A_MONTH = 1.5
SELLERS = {
    "vastai": ("Vast.ai", 0.70),
    "azure_retail": ("Azure", 0.18),
    "runpod": ("RunPod", 0.03),
    "verda": ("Verda", 0.03),
    "lambda_cloud": ("Lambda", 0.02),
    "oci": ("Oracle", 0.02),
    "digitalocean": ("DigitalOcean", 0.02),
}
"""Seller and share of the offers, by source."""
GPUS = ("H100 SXM", "H100 PCIe", "H200", "A100 SXM4 80GB", "A100 PCIe 40GB", "L40S", "RTX 4090", "B200")
DAYS_A_MACHINE_STAYS = 60
DAYS_A_PRICE_STAYS = 20


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder) / "long", Path(folder) / "short"
        per_day = OBSERVATIONS // LONG_DAYS
        _write(long, LONG_DAYS, per_day)
        _write(short, SHORT_DAYS, per_day)
        whole, megabytes = watched(BUILD, settled(long))
        watched(BUILD, settled(short))
        for home in (long, short):
            _add_day(home, LAST_DAY + timedelta(days=1), per_day)
        day_more, _ = watched(BUILD, settled(long))
        day_more_short, _ = watched(BUILD, settled(short))
    what = f"{OBSERVATIONS:,} observations of five years"
    return [
        Row(f"{what}: build", whole, "promised seconds", MOST_SECONDS, 1.0),
        Row("their largest memory", megabytes / 1e3, "promised", MOST_GB, 1.0, unit="GB"),
        Row("one day more after them", day_more, "after a month", day_more_short, MOST_TIMES_A_MONTH),
    ]


def _write(home: Path, days: int, per_day: int) -> None:
    for ago in range(days):
        _add_day(home, LAST_DAY - timedelta(days=ago), per_day)


def _add_day(home: Path, day: date, per_day: int) -> None:
    """A reading of each source at six in the morning."""
    lake = Lake(home / "lake")
    read_at = datetime.combine(day, time(6), UTC)
    for source_id, (seller, share) in SELLERS.items():
        offers = _offers(source_id, seller, day, max(int(per_day * share), 1), read_at)
        lake.add("gpu_offers", source_id, day, "bench", offers)
        reading = {
            "contract": "gpu_offers",
            "source_id": source_id,
            "reading_scope": "",
            "read_at": read_at,
            "recorded_at": read_at,
            "evidence": "polled",
            "row_count": offers.height,
            "rejected_count": 0,
            "parser_version": 1,
        }
        lake.add("readings", source_id, day, "bench", pl.DataFrame([reading], READINGS_SCHEMA))


def _offers(source_id: str, seller: str, day: date, count: int, read_at: datetime) -> pl.DataFrame:
    number, days = pl.col("number"), day.toordinal()
    is_market = source_id == "vastai"
    generation = ((days + number * 7) // DAYS_A_MACHINE_STAYS) if is_market else pl.lit(0)
    since = (days + number * 3) // DAYS_A_PRICE_STAYS
    chance = pl.struct(number, since).hash(1) % 1000 / 1000
    usd = ((1 + number % 8) * (0.8 + 0.4 * chance)).round(4)
    stated = {
        "offer_key": pl.format("{}/{}", number, generation),
        "provider_raw": pl.lit(seller),
        "gpu_raw": pl.lit(pl.Series(GPUS)).gather(number % len(GPUS)),
        "gpu_count": pl.lit(1.0),
        "region_raw": pl.format("region {}", number % 20),
        "purchase_type": pl.lit("on_demand"),
        "commitment_months": pl.lit(0),
        "price_statistic": pl.lit("offer"),
        "usd_per_hour": usd,
        "native_price": usd,
        "currency": pl.lit("USD"),
        "is_available": pl.lit(True) if is_market else pl.lit(None),
        "source_id": pl.lit(source_id),
        "reading_scope": pl.lit(""),
        "observed_at": pl.lit(read_at),
        "observed_until": pl.lit(read_at),
        "recorded_at": pl.lit(read_at),
        "evidence": pl.lit("polled"),
        "payload_ref": pl.format("sha256:00#{}", number),
        "parser_version": pl.lit(1),
    }
    schema = CONTRACTS["gpu_offers"].schema
    return (
        pl.DataFrame({"number": range(count)})
        .lazy()
        .select(stated.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in schema.items())
        .collect()
    )
