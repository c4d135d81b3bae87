"""Prime Intellect: machines of many clouds that it resells, in stock or not.

Publisher: Prime Intellect, https://api.primeintellect.ai/api/v1/availability/gpus (bearer key of a free
account with the right to read availability; terms of the account); per machine-hour in the currency of the
offer, 100 machines a page. It repeats what the clouds ask, discounts of its own on some, so it checks other
sources. Seen 2025-10 and 2026: the price is the machine's (four H100 at 10.78), `gpuMemory` of several
cards is not said to be one's or all's; an offer without `isSpot` is none; `security` tells community hosts;
`dc_*` are data centres whose owner is not named.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 2
URL = "https://api.primeintellect.ai/api/v1/availability/gpus"
KEY = "AIMARKET_KEY_PRIME_INTELLECT"
PAGE_SIZE = 100
"""The largest the interface gives."""
LARGEST_PAGE = 100
"""A stop should the total be wrong; there are some ten pages."""
IN_TYPE = re.compile(r"_(\d+)GB")
"""GB of one card in names like H100_80GB."""
OUT_OF_STOCK = ("unavailable", "out_of_stock", "out of stock")


class Prices(msgspec.Struct):
    """USD per hour for the whole machine; community hosts have the second instead of the first."""

    onDemand: Decimal | None = None
    communityPrice: Decimal | None = None
    currency: str | None = None


class Default(msgspec.Struct):
    defaultCount: float | None = None


class Offer(msgspec.Struct):
    cloudId: str
    gpuType: str
    provider: str
    gpuCount: int
    prices: Prices
    socket: str | None = None
    dataCenter: str | None = None
    country: str | None = None
    security: str | None = None
    isSpot: bool | None = None
    stockStatus: str | None = None
    vcpu: Default | None = None
    memory: Default | None = None


class Page(msgspec.Struct):
    items: list[msgspec.Raw]
    totalCount: int


def fetch(http: Http) -> None:
    """Every page."""
    headers = {"Authorization": f"Bearer {http.secret(KEY)}"}
    for number in range(1, LARGEST_PAGE + 1):
        page = decode(http.get(URL, params={"page": number, "page_size": PAGE_SIZE}, headers=headers), Page)
        if not page.items or number * PAGE_SIZE >= page.totalCount:
            break


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A page to `gpu_offers`: one row per machine and data centre.

    Key: cloud, its name of the machine, data centre, count, accelerator, form and kind of sale. The seller is
    the cloud. Raises PayloadError when the answer is not JSON with `items` and `totalCount`.
    """
    rows = Rows("gpu_offers")
    for number, offer, reason in decode_each(decode(body, Page).items, Offer):
        if offer is None:
            rows.reject(f"items/{number}", reason)
            continue
        is_community = offer.security == "community_cloud"
        kind = "spot" if offer.isSpot else "community" if is_community else "on_demand"
        price = offer.prices.onDemand if offer.prices.onDemand is not None else offer.prices.communityPrice
        memory = IN_TYPE.search(offer.gpuType)
        known = {
            "provider_raw": offer.provider,
            "gpu_raw": offer.gpuType,
            "gpu_count": offer.gpuCount,
            "instance_type": offer.cloudId,
            "purchase_type": kind,
            "native_price": price,
        }
        currency = offer.prices.currency
        if currency is None:
            rows.reject(f"items/{number}", "a price without a currency", **known)
            continue
        accelerators = f"{offer.gpuCount}x{offer.gpuType}"
        parts = (offer.provider, offer.cloudId, offer.dataCenter, accelerators, offer.socket, kind)
        status = (offer.stockStatus or "").lower()
        rows.add(
            f"items/{number}",
            offer_key="/".join(part or "" for part in parts),
            gpu_memory_gb=float(memory[1]) if memory else None,
            interconnect_raw=offer.socket or None,
            region_raw=offer.dataCenter or offer.country or None,
            usd_per_hour=price if currency == "USD" else None,
            currency=currency,
            vcpus=(offer.vcpu and offer.vcpu.defaultCount) or None,
            memory_gb=(offer.memory and offer.memory.defaultCount) or None,
            is_available=status not in OUT_OF_STOCK if status else None,
            **known,
        )
    return {"gpu_offers": rows}
