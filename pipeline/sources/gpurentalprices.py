"""GPU Rental Prices: daily list prices of some 34 clouds, read off their own pages by one collector.

Publisher: https://gpurentalprices.com/api/latest.json (CC BY 4.0); USD per GPU-hour, one file a day. It
repeats what the clouds ask, so it checks other sources. Seen 2026-08: a cloud that could not be read keeps
its old prices and is marked stale; accelerators are the collector's slugs, `h100` where the form is not
stated; marketplaces stand with one figure per card; `serverless` are seconds of serving times 3,600.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://gpurentalprices.com/api/latest.json"
PURCHASE_TYPES = {
    "on-demand": "on_demand",
    "secure": "on_demand",
    "community": "community",
    "spot": "spot",
}
SERVERLESS = "serverless"


class Offer(msgspec.Struct):
    """One price; `usd_hr` is USD per GPU-hour, `min_gpus` the smallest number sold together."""

    provider: str
    gpu: str
    usd_hr: Decimal
    kind: str
    vram_gb: float | None = None
    min_gpus: int | None = None


class Provider(msgspec.Struct):
    stale: bool
    last_verified: str | None = None


class Answer(msgspec.Struct):
    generated_at: datetime
    offers: list[msgspec.Raw]
    providers: dict[str, Provider]


def fetch(http: Http) -> None:
    """The newest file."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A day's file to `gpu_offers`: one row per cloud, accelerator and kind of sale; gpu_count is 1.

    Key: cloud, accelerator, memory, smallest number sold and kind (`secure` stays apart from `on-demand`).
    The file is one reading at the instant it was generated. Prices of a cloud marked stale are rejected,
    serverless ones passed over. Raises PayloadError when the answer is not such a file.
    """
    answer = decode(body, Answer)
    rows = Rows("gpu_offers")
    for number, offer, reason in decode_each(answer.offers, Offer):
        position = f"offers/{number}"
        if offer is None:
            rows.reject(position, reason, observed_at=answer.generated_at)
            continue
        if offer.kind == SERVERLESS:
            continue
        known = {
            "observed_at": answer.generated_at,
            "provider_raw": offer.provider,
            "gpu_raw": offer.gpu,
            "gpu_count": 1,
            "usd_per_hour": offer.usd_hr,
        }
        provider = answer.providers.get(offer.provider)
        if offer.kind not in PURCHASE_TYPES:
            rows.reject(position, f"unknown kind of sale {offer.kind!r}", **known)
        elif provider is None or provider.stale:
            since = provider.last_verified if provider else "never"
            rows.reject(position, f"an old price carried on: last verified {since}", **known)
        else:
            parts = (offer.provider, offer.gpu, offer.vram_gb, offer.min_gpus, offer.kind)
            rows.add(
                position,
                offer_key="/".join("" if part is None else str(part) for part in parts),
                gpu_memory_gb=offer.vram_gb,
                purchase_type=PURCHASE_TYPES[offer.kind],
                native_price=offer.usd_hr,
                **known,
            )
    return {"gpu_offers": rows}
