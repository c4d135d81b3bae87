"""JarvisLabs: its GPUs by place, on demand and spot, with the number that is free.

Publisher: JarvisLabs, https://backendn.jarvislabs.net/misc/server_meta (bearer token of an account; terms of
the account); USD per GPU-hour. Seen 2026-05: a GPU is listed once per kind of workload (container, vm) at the
same price and the same stock; memory and counts come as text; a spot price of null is none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://backendn.jarvislabs.net/misc/server_meta"
KEY = "AIMARKET_KEY_JARVISLABS"


class Server(msgspec.Struct):
    """The fields read of one GPU at one place; prices are USD per GPU-hour."""

    gpu_type: str
    region: str
    price_per_hour: Decimal
    spot_price: Decimal | None = None
    vram: str | float | None = None
    num_free_devices: int | None = None
    spot_num_free_devices: int | None = None
    cpus_per_gpu: float | None = None
    ram_per_gpu: float | None = None
    workload_type: str | None = None


class Answer(msgspec.Struct):
    server_meta: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL, headers={"Authorization": f"Bearer {http.secret(KEY)}"})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: per GPU, place and kind of workload one row on demand and one for spot.

    Key: the same; gpu_count is 1. Available is what has a free device; they are counted. Raises PayloadError
    when the answer is not JSON with a `server_meta` list.
    """
    rows = Rows("gpu_offers")
    for number, server, reason in decode_each(decode(body, Answer).server_meta, Server):
        position = f"server_meta/{number}"
        if server is None:
            rows.reject(position, reason)
            continue
        offers = [("on_demand", server.price_per_hour, server.num_free_devices)]
        if server.spot_price:
            offers.append(("spot", server.spot_price, server.spot_num_free_devices))
        for kind, price, free_count in offers:
            rows.add(
                f"{position}/{kind}",
                offer_key="/".join((server.gpu_type, server.region, server.workload_type or "", kind)),
                provider_raw="jarvislabs",
                gpu_raw=server.gpu_type,
                gpu_count=1,
                gpu_memory_gb=server.vram or None,
                region_raw=server.region or None,
                purchase_type=kind,
                usd_per_hour=price,
                native_price=price,
                vcpus=server.cpus_per_gpu or None,
                memory_gb=server.ram_per_gpu or None,
                is_available=None if free_count is None else free_count > 0,
                available_count=free_count,
            )
    return {"gpu_offers": rows}
