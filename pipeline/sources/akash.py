"""Akash: what providers of an open network bid for one GPU, by model.

Publisher: Akash Network, https://console-api.akash.network/v1/gpu-prices (no key, no licence stated),
refreshed every quarter of an hour; USD per GPU-hour over the bids of the last weeks for one GPU each. Seen
2026-08 in its code: bids in AKT are converted at the day's token price, so the series moves with the token;
one provider's bids back several variants of memory and interface of the same card; `price` is null without
bids.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://console-api.akash.network/v1/gpu-prices"
MEMORY = re.compile(r"(\d+)Gi?")


class Price(msgspec.Struct):
    currency: str
    med: Decimal


class Availability(msgspec.Struct):
    available: int


class Model(msgspec.Struct):
    """The fields read of one model; `price` in USD per GPU-hour."""

    vendor: str
    model: str
    availability: Availability
    price: Price | None
    ram: str | None = None
    interface: str | None = None


class Answer(msgspec.Struct):
    models: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: one row per model, memory and interface, the median of the bids for one GPU.

    Key: maker, model, memory and interface. Available is what has an unleased GPU; their number is counted.
    Models nobody bid for have no price and are passed over. Raises PayloadError when the answer is not JSON
    with a `models` list.
    """
    rows = Rows("gpu_offers")
    for number, model, reason in decode_each(decode(body, Answer).models, Model):
        position = f"models/{number}"
        if model is None:
            rows.reject(position, reason)
            continue
        if model.price is None:
            continue
        known = {"provider_raw": "akash", "gpu_raw": f"{model.vendor} {model.model}", "gpu_count": 1}
        if model.price.currency != "USD":
            rows.reject(position, f"not USD: {model.price.currency}", **known)
            continue
        memory = MEMORY.fullmatch(model.ram or "")
        rows.add(
            position,
            offer_key="/".join((model.vendor, model.model, model.ram or "", model.interface or "")),
            gpu_memory_gb=memory[1] if memory else None,
            interconnect_raw=model.interface or None,
            purchase_type="on_demand",
            price_statistic="median",
            usd_per_hour=model.price.med,
            native_price=model.price.med,
            is_available=model.availability.available > 0,
            available_count=model.availability.available,
            **known,
        )
    return {"gpu_offers": rows}
