"""DigitalOcean: its GPU machines.

Publisher: DigitalOcean, https://api.digitalocean.com/v2/sizes (bearer token with scope sizes:read; terms of
the account); USD per machine-hour. Seen 2025 and 2026: `vram` is that of all cards; a size without regions is
sold out; sizes without `gpu_info` have no GPU; reserved prices are not in the list.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://api.digitalocean.com/v2/sizes"
KEY = "AIMARKET_KEY_DIGITALOCEAN"
PAGE_SIZE = 500
GIB = {"gib": 1.0, "mib": 1 / 1024, "tib": 1024.0}
GpuCount = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
"""Bounded, for memory is divided by it."""


class Vram(msgspec.Struct):
    amount: float
    unit: str


class GpuInfo(msgspec.Struct):
    model: str
    count: GpuCount
    vram: Vram | None = None


class Size(msgspec.Struct):
    """The fields read of one size; `memory` in MiB."""

    slug: str
    price_hourly: Decimal
    available: bool
    regions: list[str]
    gpu_info: GpuInfo | None = None
    vcpus: float | None = None
    memory: float | None = None


class Pages(msgspec.Struct, frozen=True):
    next: str | None = None


class Links(msgspec.Struct, frozen=True):
    pages: Pages = Pages()


class Page(msgspec.Struct):
    sizes: list[msgspec.Raw]
    links: Links = Links()


def fetch(http: Http) -> None:
    """Every page; there is one as a rule."""
    headers = {"Authorization": f"Bearer {http.secret(KEY)}"}
    page = decode(http.get(URL, params={"per_page": PAGE_SIZE}, headers=headers), Page)
    # The key goes nowhere but to the interface itself, whatever the answer names as next.
    while (following := page.links.pages.next) and following.startswith(URL):
        page = decode(http.get(following, headers=headers), Page)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A page to `gpu_offers`: one row per size with GPUs, the same in every region.

    Key: size. Available where any region has it. Raises PayloadError when the answer is not JSON with a
    `sizes` list.
    """
    rows = Rows("gpu_offers")
    for number, size, reason in decode_each(decode(body, Page).sizes, Size):
        if size is None:
            rows.reject(f"sizes/{number}", reason)
            continue
        gpu = size.gpu_info
        if gpu is None:
            continue
        gib = GIB.get(gpu.vram.unit.lower()) if gpu.vram else None
        rows.add(
            f"sizes/{number}",
            offer_key=size.slug,
            provider_raw="digitalocean",
            gpu_raw=gpu.model,
            gpu_count=gpu.count,
            gpu_memory_gb=gpu.vram.amount * gib / gpu.count if gpu.vram and gib and gpu.count else None,
            instance_type=size.slug,
            purchase_type="on_demand",
            usd_per_hour=size.price_hourly,
            native_price=size.price_hourly,
            vcpus=size.vcpus or None,
            memory_gb=size.memory / 1024 if size.memory else None,
            is_available=size.available and bool(size.regions),
        )
    return {"gpu_offers": rows}
