"""Prime Intellect tracker: half-hourly statistics of one aggregator's offers by accelerator and cloud.

Publisher: github.com/tugot17/gpu-price-tracker `data/summary/<model>_<socket>.jsonl` (MIT), 2025-10-19 to
2025-11-16; one line per reading of Prime Intellect's availability API, USD of one GPU per hour, two decimals.
Seen 2026-11: a cloud's minimum mixes spot and on-demand offers (datacrunch H100 0.99 is spot, its own
on-demand 1.99; `best_deal` tells for the cheapest cloud only, and only in later lines); every offer counted
is in stock, a cloud that is sold out is missing from the line; prices are the aggregator's, discounts on some
clouds included. `dc_*` are data centres whose owner is not named.
"""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode_each

PARSER_VERSION = 1


class Cloud(msgspec.Struct):
    """One cloud's offers in a reading; `min` is USD per GPU-hour of the cheapest."""

    count: int
    min: Decimal


class Reading(msgspec.Struct):
    timestamp: str
    gpu_type: str
    by_provider: dict[str, Cloud]
    socket_type: str | None = None


def parse(body: bytes, context: Context) -> Parsed:
    """A file of dated lines to `gpu_offers`: one row per line and cloud, the cheapest of its offers.

    Key: accelerator and cloud. A line is one reading of its accelerator (reading_scope). The kind of sale is
    unstated, so these rows stand apart from every offer of a known kind. Raises PayloadError when no line is
    such a reading.
    """
    del context
    rows = Rows("gpu_offers")
    lines = [line for line in body.splitlines() if line.strip()]
    good_line_count = 0
    for line, reading, reason in decode_each(map(msgspec.Raw, lines), Reading):
        if reading is None:
            rows.reject(f"line {line + 1}", reason)
            continue
        good_line_count += 1
        accelerator = " ".join(filter(None, (reading.gpu_type, reading.socket_type)))
        memory = re.search(r"_(\d+)GB", reading.gpu_type)
        for provider, cloud in reading.by_provider.items():
            rows.add(
                f"line {line + 1}/{provider}",
                observed_at=reading.timestamp,
                reading_scope=accelerator,
                offer_key=f"{accelerator}/{provider}",
                provider_raw=provider,
                gpu_raw=accelerator,
                gpu_count=1,
                gpu_memory_gb=float(memory[1]) if memory else None,
                interconnect_raw=reading.socket_type,
                purchase_type="unstated",
                price_statistic="minimum",
                usd_per_hour=cloud.min,
                native_price=cloud.min,
                is_available=True,
                available_count=cloud.count,
            )
    if not good_line_count:
        raise PayloadError("no line is a reading with timestamp, gpu_type and by_provider")
    return {"gpu_offers": rows}
