"""Hyperstack: its price book, one line per GPU and other resource.

Publisher: NexGen Cloud, https://infrahub-api.nexgencloud.com/v1/pricebook (key of an account in the header
api_key; terms of the account); USD per unit-hour. `value` is what this account pays, its contract's discount
included, `original_value` the list price: only the second is read. Seen 2026 in clients: spot is a line of
its own whose name ends in -spot; storage, addresses, vCPUs and clusters stand between the GPUs, told by name
alone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://infrahub-api.nexgencloud.com/v1/pricebook"
KEY = "AIMARKET_KEY_HYPERSTACK"
GPU = re.compile(r"(?:RTX|GTX|MI\d|GH\d|GB\d|[ABHLTV]\d)", re.IGNORECASE)
"""Start of the names of accelerators: A100-80G-PCIe, H200-141G-SXM5, L40, RTX-PRO6000-SE."""
MEMORY = re.compile(r"-(\d+)GB?\b")
SPOT = "-spot"


class Price(msgspec.Struct):
    """One line; null times mean that it holds without end."""

    name: str
    original_value: Decimal
    start_time: datetime | None = None
    end_time: datetime | None = None


def fetch(http: Http) -> None:
    """The whole book, one request."""
    http.get(URL, headers={"api_key": http.secret(KEY)})


def parse(body: bytes, context: Context) -> Parsed:
    """The price book to `gpu_offers`: one row per GPU and kind of sale; gpu_count is 1.

    Key: the line's name. Lines that name no GPU are passed over, prices of another time rejected. Raises
    PayloadError when the answer is not a JSON list, or one without a single GPU.
    """
    rows = Rows("gpu_offers")
    has_gpu = False
    for number, price, reason in decode_each(decode(body, list[msgspec.Raw]), Price):
        if price is None:
            rows.reject(str(number), reason)
            continue
        if not GPU.match(price.name):
            continue
        has_gpu = True
        begin, end = _utc(price.start_time), _utc(price.end_time)
        known = {
            "provider_raw": "hyperstack",
            "gpu_raw": price.name.removesuffix(SPOT),
            "gpu_count": 1,
            "purchase_type": "spot" if price.name.endswith(SPOT) else "on_demand",
            "usd_per_hour": price.original_value,
            "effective_from": begin,
            "effective_to": end,
        }
        if (begin and begin > context.observed_at) or (end and end <= context.observed_at):
            rows.reject(number, "a price of another time", **known)
            continue
        memory = MEMORY.search(price.name)
        rows.add(
            number,
            offer_key=price.name,
            gpu_memory_gb=memory[1] if memory else None,
            native_price=price.original_value,
            **known,
        )
    if not has_gpu:
        raise PayloadError("a price book without a single GPU")
    return {"gpu_offers": rows}


def _utc(time: datetime | None) -> datetime | None:
    return time and time.replace(tzinfo=time.tzinfo or UTC)
