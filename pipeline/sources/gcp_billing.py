"""Google Cloud price list: billing lines of accelerators, without the machine around them.

Publisher: Google, https://cloudbilling.googleapis.com/v1/services/6F81-5844-456A/skus (free API key, sent as
a header; no licence stated); USD per accelerator-hour, some 35,000 lines in 5,000 a page. The accelerator is
a part of the bill: vCPUs, memory and local disks of the machine are lines of their own (H100 9.80 alone,
11.06 with its share of the machine, 2026-05), so these prices are below those of a rented GPU. Seen 2026-06
to 2026-08: the name stands in the description alone; "Plus" is the mega form of the H100; "Nvidia Tesla A100"
without a size has 40 GB; "(1 gpu slice)" is one whole B200; calendar mode and defined duration (DWS) are
kinds of sale of their own.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://cloudbilling.googleapis.com/v1/services/6F81-5844-456A/skus"
KEY = "AIMARKET_KEY_GCP_BILLING"
PAGE_SIZE = 5000
USAGE_TYPES = {
    "OnDemand": ("on_demand", None),
    "Preemptible": ("spot", None),
    "Commit1Yr": ("reserved", 12),
    "Commit3Yr": ("reserved", 36),
}
OTHER_GOODS = re.compile(
    r"Sole Tenancy|Reserved|Custom|vGPU|Workstation|Defined Duration|Flex", re.IGNORECASE
)
"""In descriptions: whole hosts, capacity held back, licences, and machines that end by themselves."""
CALENDAR_MODE = "DWS Calendar Mode"
NAME = re.compile(r"^(?:Commitment v1: |Spot Preemptible )?(.+?)(?: attached to .+?)?(?: running)? in ")
"""The accelerator in "Spot Preemptible Nvidia H100 80GB GPU attached to ... running in Iowa"."""
MEMORY = re.compile(r"\b(\d+)GB\b")

Nanos = Annotated[int, msgspec.Meta(ge=0, lt=10**9)]


class Category(msgspec.Struct):
    resourceGroup: str | None = None
    usageType: str | None = None


class Money(msgspec.Struct):
    """An amount: whole USD as text, and 1e-9 USD."""

    units: str = "0"
    nanos: Nanos = 0


class Tier(msgspec.Struct):
    unitPrice: Money


class Expression(msgspec.Struct):
    usageUnit: str
    tieredRates: list[Tier]


class Pricing(msgspec.Struct):
    pricingExpression: Expression


class Head(msgspec.Struct):
    category: Category


class Sku(msgspec.Struct):
    """The fields read of one billing line."""

    skuId: str
    description: str
    category: Category
    serviceRegions: list[str]
    pricingInfo: list[Pricing]


class Page(msgspec.Struct):
    skus: list[msgspec.Raw]
    nextPageToken: str = ""


def fetch(http: Http) -> None:
    """Every page; a token names the next."""
    headers = {"X-Goog-Api-Key": http.secret(KEY)}
    token = ""
    while True:
        asked: dict[str, str | int] = {"pageSize": PAGE_SIZE} | ({"pageToken": token} if token else {})
        page = decode(http.get(URL, params=asked, headers=headers), Page)
        if not page.nextPageToken or page.nextPageToken == token:
            break
        token = page.nextPageToken


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A page to `gpu_offers`: one row per accelerator line and region; gpu_count is 1.

    Key: billing line and region. Committed lines are reserved, calendar mode is `capacity_block`. Passed over
    are other resources, other goods and lines not billed by the hour. Raises PayloadError when the answer is
    not JSON with a `skus` list.
    """
    rows = Rows("gpu_offers")
    skus = decode(body, Page).skus
    gpu_lines = [n for n, head, _ in decode_each(skus, Head) if head and head.category.resourceGroup == "GPU"]
    lines = decode_each((skus[number] for number in gpu_lines), Sku)
    for number, (_, sku, reason) in zip(gpu_lines, lines, strict=True):
        if sku is None:
            rows.reject(f"skus/{number}", reason)
        elif not OTHER_GOODS.search(sku.description):
            _add(rows, f"skus/{number}", sku)
    return {"gpu_offers": rows}


def _add(rows: Rows, position: str, sku: Sku) -> None:
    named = NAME.search(sku.description)
    memory = MEMORY.search(sku.description)
    usage_type = sku.category.usageType or ""
    known = {
        "provider_raw": "gcp",
        "gpu_raw": named[1] if named else sku.description,
        "gpu_count": 1,
        "gpu_memory_gb": float(memory[1]) if memory else None,
    }
    if usage_type not in USAGE_TYPES:
        rows.reject(position, f"unknown kind of sale {usage_type!r}", **known)
        return
    purchase_type, months = USAGE_TYPES[usage_type]
    if CALENDAR_MODE in sku.description:
        purchase_type, months = "capacity_block", None
    if len(sku.pricingInfo) != 1 or len(sku.pricingInfo[0].pricingExpression.tieredRates) != 1:
        rows.reject(position, "not one price: several periods or tiers", **known)
        return
    expression = sku.pricingInfo[0].pricingExpression
    if expression.usageUnit != "h":
        return
    amount = expression.tieredRates[0].unitPrice
    whole = decimal(amount.units)
    price = whole + Decimal(amount.nanos).scaleb(-9) if whole is not None else None
    for region in sku.serviceRegions:
        rows.add(
            f"{position}/{region}",
            offer_key=f"{sku.skuId}/{region}",
            region_raw=region,
            purchase_type=purchase_type,
            commitment_months=months,
            usd_per_hour=price,
            native_price=price,
            **known,
        )
