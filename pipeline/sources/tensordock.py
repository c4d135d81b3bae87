"""TensorDock: GPUs of independent hosts by place, the price of the GPU alone.

Publisher: TensorDock, https://dashboard.tensordock.com/api/v2/locations (bearer token of an account; terms of
the account); USD per GPU-hour. vCPUs, main memory and storage are billed besides, by rates that stand next to
it, so this is less than a machine costs. Seen 2026-08: an account that never paid in sees no place at all;
`max_count` is the largest machine, not the stock, and stock is often wrong.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://dashboard.tensordock.com/api/v2/locations"
KEY = "AIMARKET_KEY_TENSORDOCK"
MEMORY = re.compile(r"-(\d+)gb$")


class Gpu(msgspec.Struct):
    """One kind of GPU at one place; `price_per_hr` in USD for one."""

    v0Name: str
    price_per_hr: Decimal
    max_count: int
    displayName: str | None = None


class Location(msgspec.Struct):
    id: str
    gpus: list[msgspec.Raw]
    city: str | None = None
    country: str | None = None


class Data(msgspec.Struct):
    locations: list[msgspec.Raw]


class Answer(msgspec.Struct):
    data: Data


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL, headers={"Authorization": f"Bearer {http.secret(KEY)}"})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: one row per place and GPU; gpu_count is 1.

    Key: place and GPU. Raises PayloadError when the answer is not JSON with data.locations or the list is
    empty.
    """
    locations = decode(body, Answer).data.locations
    if not locations:
        raise PayloadError("no location: the account needs a deposit before it is shown any")
    rows = Rows("gpu_offers")
    for number, location, reason in decode_each(locations, Location):
        if location is None:
            rows.reject(f"data/locations/{number}", reason)
            continue
        place = ", ".join(part for part in (location.city, location.country) if part)
        for gpu_number, gpu, fault in decode_each(location.gpus, Gpu):
            position = f"data/locations/{number}/gpus/{gpu_number}"
            if gpu is None:
                rows.reject(position, fault, region_raw=place)
                continue
            memory = MEMORY.search(gpu.v0Name)
            rows.add(
                position,
                offer_key=f"{location.id}/{gpu.v0Name}",
                provider_raw="tensordock",
                gpu_raw=gpu.displayName or gpu.v0Name,
                gpu_count=1,
                gpu_memory_gb=memory[1] if memory else None,
                instance_type=gpu.v0Name,
                region_raw=place or None,
                purchase_type="on_demand",
                usd_per_hour=gpu.price_per_hr,
                native_price=gpu.price_per_hr,
                is_available=gpu.max_count > 0,
            )
    return {"gpu_offers": rows}
