"""Vast.ai: asks of an open marketplace, the best live signal of what a GPU rents for.

Publisher: Vast.ai, https://console.vast.ai. Keyless search endpoint of the vendor's own client. Asks move
all day; one reading a day is kept. Seen 2026-11: without `limit` the answer is a short list; one machine
appears as several slices (1x, 2x, 4x), so supply is counted by machine, not by ask.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://console.vast.ai/api/v0/bundles/"
ALLOCATED_STORAGE_GIB = 5
"""GiB priced into dph_total, as in the vendor's client. Constant, or the series would drift."""
LIMIT = 10_000
"""Largest page any known client asks for; the endpoint has no paging."""
KIND_TO_PURCHASE_TYPE = {"on-demand": "on_demand", "bid": "spot"}


class Ask(msgspec.Struct):
    """The fields read of one ask; prices are USD per hour for the whole offer."""

    machine_id: int
    gpu_name: str
    num_gpus: int
    dph_base: Decimal
    gpu_ram: float | None = None
    min_bid: Decimal | None = None
    gpu_frac: float | None = None
    geolocation: str | None = None
    rentable: bool | None = None
    cpu_ram: float | None = None
    cpu_cores_effective: float | None = None


class Answer(msgspec.Struct):
    offers: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """Two searches, on-demand and interruptible; verified, rentable machines only."""
    for kind in KIND_TO_PURCHASE_TYPE:
        query = {
            "verified": {"eq": True},
            "external": {"eq": False},
            "rentable": {"eq": True},
            "rented": {"eq": False},
            "order": [["score", "desc"]],
            "type": kind,
            "limit": LIMIT,
            "allocated_storage": ALLOCATED_STORAGE_GIB,
        }
        http.post(URL, json=query, scope=kind)


def parse(body: bytes, context: Context) -> Parsed:
    """A search answer to `gpu_offers`, one row per ask.

    Key: machine, slice size, kind of sale and, where a machine asks for several equal slices, their ordinal;
    an ask's own id changes when it is re-listed. The price is
    the GPU part (dph_base; min_bid for interruptible), storage excluded. Raises PayloadError when the answer
    is not JSON with an `offers` list.
    """
    kind = context.scope or json.loads(context.request_body or "{}").get("type", "on-demand")
    purchase_type = KIND_TO_PURCHASE_TYPE[kind]
    rows = Rows("gpu_offers")
    slices: Counter[str] = Counter()
    for position, ask, reason in decode_each(decode(body, Answer).offers, Ask):
        if ask is None:
            rows.reject(f"offers/{position}", reason)
            continue
        price = ask.min_bid if purchase_type == "spot" else ask.dph_base
        offer_key = f"{ask.machine_id}/{ask.num_gpus}x/{purchase_type}"
        slices[offer_key] += 1
        rows.add(
            f"offers/{position}",
            offer_key=offer_key if slices[offer_key] == 1 else f"{offer_key}/{slices[offer_key]}",
            provider_raw="vastai",
            gpu_raw=ask.gpu_name,
            gpu_count=ask.num_gpus,
            gpu_memory_gb=ask.gpu_ram / 1024 if ask.gpu_ram else None,
            region_raw=ask.geolocation,
            purchase_type=purchase_type,
            usd_per_hour=price,
            native_price=price,
            vcpus=ask.cpu_cores_effective,
            memory_gb=ask.cpu_ram / 1024 if ask.cpu_ram else None,
            is_available=ask.rentable,
        )
    return {"gpu_offers": rows}
