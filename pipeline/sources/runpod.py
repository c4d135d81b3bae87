"""RunPod: prices of its own secure cloud and of community hosts, one list for all places.

Publisher: RunPod, https://api.runpod.io/graphql, query `gpuTypes` as the vendor's clients send it (no key, no
licence stated); USD per GPU-hour. The vendor retires this interface in early 2027; its successor is
https://api.runpod.io/v2/catalog/gpus, which needs a key. Seen 2026: a price stays behind when a cloud no
longer holds the card (H200 at 0.50 for two months with communityCloud false); without stock every field of
`lowestPrice` is null; spot fields fade out or repeat the price, so they are not asked for; a price of the
cluster kind (several machines at once) has no counterpart elsewhere and is not asked for either; slices of a
card (MIG) are listed as cards of their own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://api.runpod.io/graphql"
QUERY = """{ gpuTypes {
  id displayName memoryInGb secureCloud communityCloud
  securePrice communityPrice oneMonthPrice threeMonthPrice sixMonthPrice
  secureStock: lowestPrice(input: {gpuCount: 1, secureCloud: true}) { stockStatus }
  communityStock: lowestPrice(input: {gpuCount: 1, secureCloud: false}) { stockStatus }
} }"""
TERM_MONTHS = {"oneMonthPrice": 1, "threeMonthPrice": 3, "sixMonthPrice": 6}
"""Hourly rates under a commitment, in the secure cloud."""


class Stock(msgspec.Struct):
    stockStatus: str | None = None


class GpuType(msgspec.Struct):
    """The fields asked for; prices are USD per GPU-hour."""

    id: str
    displayName: str
    secureCloud: bool
    communityCloud: bool
    memoryInGb: float | None = None
    securePrice: Decimal | None = None
    communityPrice: Decimal | None = None
    oneMonthPrice: Decimal | None = None
    threeMonthPrice: Decimal | None = None
    sixMonthPrice: Decimal | None = None
    secureStock: Stock | None = None
    communityStock: Stock | None = None


class Data(msgspec.Struct):
    gpuTypes: list[msgspec.Raw]


class Answer(msgspec.Struct):
    data: Data


def fetch(http: Http) -> None:
    """One query."""
    http.post(URL, json={"query": QUERY, "variables": {}})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The answer to `gpu_offers`: per card one row for each cloud that holds it and each committed term.

    Key: card and cloud or term; gpu_count is 1. A cloud counts only where its flag says that it holds the
    card. Available is what has a stock status; committed rates say nothing of it. Raises PayloadError when
    the answer is not JSON with data.gpuTypes, as when the query was refused.
    """
    rows = Rows("gpu_offers")
    for number, card, reason in decode_each(decode(body, Answer).data.gpuTypes, GpuType):
        position = f"data/gpuTypes/{number}"
        if card is None:
            rows.reject(position, reason)
            continue
        known = {
            "provider_raw": "runpod",
            "gpu_raw": card.displayName,
            "gpu_count": 1,
            "gpu_memory_gb": card.memoryInGb or None,
            "instance_type": card.id,
        }
        offers: list[tuple[str, str, int | None, Decimal | None, Stock | None]] = []
        if card.secureCloud:
            offers.append(("secure", "on_demand", None, card.securePrice, card.secureStock))
        if card.communityCloud:
            offers.append(("community", "community", None, card.communityPrice, card.communityStock))
        for name, term in TERM_MONTHS.items():
            if card.secureCloud and (price := getattr(card, name)):
                offers.append((f"secure{term}", "reserved", term, price, None))
        for kind, purchase_type, months, price, stock in offers:
            rows.add(
                f"{position}/{kind}",
                offer_key=f"{card.id}/{kind}",
                purchase_type=purchase_type,
                commitment_months=months,
                usd_per_hour=price,
                native_price=price,
                is_available=stock.stockStatus is not None if stock else None,
                **known,
            )
    return {"gpu_offers": rows}
