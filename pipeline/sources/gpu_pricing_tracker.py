"""GPU pricing tracker: one file of daily prices per GPU-hour at six clouds, since 2026-05-08.

Publisher: github.com/cherielilili/gpu-pricing-tracker `data/observations.csv` (no licence: derived use only).
Every answer holds the whole history; rows state when they were read. Read with its collector's code, 2026-11:
* vast.ai rows are medians over asks of one model, size and country, storage included, out of the 500 cheapest
  asks of all models together: 8-GPU machines are mostly cut off. Every A100 is called an 80 GB card.
* RunPod `any` and `spot` come from fields the vendor was withdrawing: MI300X at 0.50 for weeks, "spot" equal
  to the community price. `secure` is the vendor's own list price.
* nebius is the page's first table, the preemptible one: H100 1.25 while its on-demand price was 2.95.
* crusoe cards without a price take the next card's: GB200 shows H200's 4.29, MI355X and L40S MI300X's 3.45.
* lambda gives cards it does not know to the A100 above them; other cards' median runs over machine sizes.
* sfcompute is the "from" figure of the home page.
* 2026-05-08 has 107 rows copied once from getdeploying.com; rows before that day repeat one value.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://raw.githubusercontent.com/cherielilili/gpu-pricing-tracker/main/data/observations.csv"
COLUMNS = (
    "date",
    "provider",
    "gpu_model",
    "gpu_count",
    "region",
    "rental_type",
    "price_min_usd",
    "price_median_usd",
    "price_max_usd",
    "n_offers",
    "source_url",
    "fetched_at",
)
FIRST_DAY = "2026-05-08"
CRUSOE_UNPRICED = {"B200", "B300", "GB200", "GB300", "MI355X"}
"""Cards sold on request only (seen 2026-05 to 2026-07)."""
CRUSOE_L40S_PRICED_FROM = "2026-06-05"
LARGEST_RATE_CARD_SPREAD = Decimal("1.5")
"""Highest over lowest price of one card over machine sizes: Lambda's real ones reach 1.08, its A100s 3.53."""


def fetch(http: Http) -> None:
    """One file."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The file to `gpu_offers`: one row per day, provider, model, size, region and kind of sale.

    A row is a median, priced for the whole offer (median x gpu_count), and belongs to the reading of its
    provider that its fetched_at states. sfcompute is a minimum of an unstated kind of sale, nebius is spot.
    Raises PayloadError when the body is not this file.
    """
    del context
    rows = Rows("gpu_offers")
    for line, row in read_csv(body, COLUMNS):
        if set(COLUMNS) - row.keys():
            rows.reject(f"line {line}", "the line is cut short")
            continue
        provider, model, count = row["provider"], row["gpu_model"], decimal(row["gpu_count"])
        median = decimal(row["price_median_usd"])
        price = count * median if count and median else None
        known = {
            "observed_at": row["fetched_at"],
            "reading_scope": provider,
            "provider_raw": provider,
            "gpu_raw": model,
            "gpu_count": count,
            "usd_per_hour": price,
            "native_price": price,
        }
        if fault := _fault(row):
            rows.reject(f"line {line}", fault, **known)
            continue
        purchase_type = {"sfcompute": "unstated", "nebius": "spot"}.get(provider, row["rental_type"])
        is_market = provider == "vast.ai"
        rows.add(
            f"line {line}",
            offer_key=f"{provider}/{model}/{row['gpu_count']}x/{row['region']}/{purchase_type}",
            region_raw=row["region"] if is_market else None,
            purchase_type=purchase_type,
            price_statistic="minimum" if provider == "sfcompute" else "median",
            available_count=row["n_offers"] if is_market else None,
            **known,
        )
    return {"gpu_offers": rows}


def _fault(row: dict[str, str]) -> str:
    """Why this row is no price of that model on that day; empty where it is."""
    provider, model = row["provider"], row["gpu_model"]
    if row["date"] < FIRST_DAY:
        return f"before {FIRST_DAY} the file repeats one value a day"
    if "getdeploying" in row["source_url"]:
        return "copied from another aggregator's page without a reading of its own"
    if provider == "runpod" and row["region"] != "secure":
        return "a RunPod field for the cheapest cloud or spot: left over or equal to another kind's price"
    if provider == "vast.ai" and model.startswith("A100"):
        return "cards of 40 GB and 80 GB under one name"
    if provider == "crusoe" and (
        model in CRUSOE_UNPRICED or (model == "L40S" and row["date"] < CRUSOE_L40S_PRICED_FROM)
    ):
        return "the card had no price; this is the next card's"
    lowest, highest = decimal(row["price_min_usd"]), decimal(row["price_max_usd"])
    if provider == "lambda" and lowest and highest and highest > lowest * LARGEST_RATE_CARD_SPREAD:
        return "prices of several cards under one name"
    return ""
