"""San Francisco Compute: the best ask of its order book for a node over the next hour.

Publisher: SF Compute, https://api.sfcompute.com/preview/v2/orderbook/quote (bearer token of a free account;
terms of the account); USD per node-hour, a node holds eight GPUs. Buyers take a window of time with a fixed
start and end. The interface is a preview (2026-07). Executed trades stand beside it under `fills`; they are
no offers and are not read.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://api.sfcompute.com/preview/v2/orderbook/quote"
KEY = "AIMARKET_KEY_SFCOMPUTE"
ACCELERATORS = ("H100", "H200", "B200")
GPUS_PER_NODE = 8
HOUR = timedelta(hours=1)


class Ask(msgspec.Struct):
    dollars_per_node_hour: Decimal


class Quote(msgspec.Struct):
    """`best_ask` is null where nobody sells."""

    best_ask: Ask | None


def fetch(http: Http) -> None:
    """One quote per accelerator, for the next full hour of the clock."""
    headers = {"Authorization": f"Bearer {http.secret(KEY)}"}
    start = http.started_at.replace(minute=0, second=0, microsecond=0) + HOUR
    for accelerator in ACCELERATORS:
        asked: dict[str, str | int] = {
            "requirements": f"accelerator:{accelerator}",
            "start_at": int(start.timestamp()),
            "end_at": int((start + HOUR).timestamp()),
        }
        http.get(URL, params=asked, headers=headers, scope=accelerator)


def parse(body: bytes, context: Context) -> Parsed:
    """A quote to `gpu_offers`: the cheapest node with the accelerator the context's scope names, or no row.

    Key: accelerator. Raises PayloadError when the answer is not JSON with a `best_ask`.
    """
    if context.scope not in ACCELERATORS:
        raise PayloadError(f"unknown accelerator {context.scope!r}; known are {', '.join(ACCELERATORS)}")
    rows = Rows("gpu_offers")
    ask = decode(body, Quote).best_ask
    if ask is not None:
        rows.add(
            "best_ask",
            offer_key=context.scope,
            provider_raw="sfcompute",
            gpu_raw=context.scope,
            gpu_count=GPUS_PER_NODE,
            purchase_type="capacity_block",
            price_statistic="minimum",
            usd_per_hour=ask.dollars_per_node_hour,
            native_price=ask.dollars_per_node_hour,
            is_available=True,
        )
    return {"gpu_offers": rows}
