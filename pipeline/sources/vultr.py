"""Vultr: GPU plans of its cloud, slices of a card included, and bare metal machines.

Publisher: Vultr, https://api.vultr.com/v2/plans and /v2/plans-metal (no key, no licence stated); USD per
plan-hour. Seen 2025 and 2026-08: a plan states the memory it holds, not its share of a card (an A100 with 4,
40 or 80 GB), so the count is that memory over the card's; bare metal plans state accelerator and count in
their id alone, some without the count; a plan without a location is sold out; the monthly price is capped
below 720 hours and is not read.
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
URL = "https://api.vultr.com/v2/{resource}"
REQUESTS: dict[str, dict[str, str | int]] = {
    "plans": {"type": "vcg", "per_page": 500},
    "plans-metal": {"per_page": 500},
}
CARD_GB = {
    "NVIDIA_A16": 64,
    "NVIDIA_A40": 48,
    "NVIDIA_A100": 80,
    "NVIDIA_L40S": 48,
    "NVIDIA_GH200": 96,
    "NVIDIA_H100": 80,
    "NVIDIA_H200": 141,
    "NVIDIA_B200": 180,
    "AMD_MI300X": 192,
    "AMD_MI325X": 256,
}
"""GB of one accelerator, by its data sheet. A16: the whole board, four GPUs of 16 GB."""
METAL_ID = re.compile(r"-(\d+)-([a-z0-9]+)-gpu$")
"""Count and accelerator at the end of a bare metal plan's id."""


class Plan(msgspec.Struct):
    """The fields read of a cloud plan; the memory is that of the whole plan."""

    id: str
    hourly_cost: Decimal
    gpu_type: str | None = None
    gpu_vram_gb: float | None = None
    vcpu_count: float | None = None
    ram: float | None = None
    locations: list[str] = []


class MetalPlan(msgspec.Struct):
    id: str
    hourly_cost: Decimal
    hourly_cost_preemptible: Decimal | None = None
    ram: float | None = None
    locations: list[str] = []


class Links(msgspec.Struct, frozen=True):
    next: str = ""


class Meta(msgspec.Struct):
    links: Links = Links()


class Page(msgspec.Struct):
    """One list or the other."""

    plans: list[msgspec.Raw] | None = None
    plans_metal: list[msgspec.Raw] | None = None
    meta: Meta | None = None


def fetch(http: Http) -> None:
    """Every page of both lists; the next page is named by a cursor."""
    for resource, params in REQUESTS.items():
        cursor = ""
        while True:
            asked = params | ({"cursor": cursor} if cursor else {})
            page = decode(http.get(URL.format(resource=resource), params=asked, scope=resource), Page)
            following = page.meta.links.next if page.meta else ""
            if not following or following == cursor:
                break
            cursor = following


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A page to `gpu_offers`: one row per GPU plan, two where bare metal has a preemptible price.

    Key: plan and kind of sale; one price holds in every location. A share of a card is a count below 1.
    Available where any location has it. Plans without an accelerator are passed over. Raises PayloadError
    when the answer is neither list.
    """
    page = decode(body, Page)
    rows = Rows("gpu_offers")
    if page.plans is not None:
        for number, plan, reason in decode_each(page.plans, Plan):
            if plan is None:
                rows.reject(f"plans/{number}", reason)
            elif plan.gpu_type:
                _add_plan(rows, f"plans/{number}", plan, plan.gpu_type)
    elif page.plans_metal is not None:
        for number, metal, reason in decode_each(page.plans_metal, MetalPlan):
            if metal is None:
                rows.reject(f"plans_metal/{number}", reason)
            elif metal.id.endswith("-gpu"):
                _add_metal(rows, f"plans_metal/{number}", metal)
    else:
        raise PayloadError("the answer holds neither plans nor plans_metal")
    return {"gpu_offers": rows}


def _add_plan(rows: Rows, position: str, plan: Plan, gpu_type: str) -> None:
    known = {
        "provider_raw": "vultr",
        "gpu_raw": gpu_type,
        "instance_type": plan.id,
        "purchase_type": "on_demand",
        "usd_per_hour": plan.hourly_cost,
        "native_price": plan.hourly_cost,
    }
    if gpu_type not in CARD_GB or plan.gpu_vram_gb is None:
        rows.reject(position, "the plan's share of a card is not known: card or memory not stated", **known)
        return
    rows.add(
        position,
        offer_key=f"{plan.id}/on_demand",
        gpu_count=plan.gpu_vram_gb / CARD_GB[gpu_type],
        gpu_memory_gb=CARD_GB[gpu_type],
        vcpus=plan.vcpu_count,
        memory_gb=plan.ram / 1024 if plan.ram else None,
        is_available=bool(plan.locations),
        **known,
    )


def _add_metal(rows: Rows, position: str, plan: MetalPlan) -> None:
    stated = METAL_ID.search(plan.id)
    if not stated:
        rows.reject(position, "the plan's id does not state how many accelerators", instance_type=plan.id)
        return
    prices = {"on_demand": plan.hourly_cost, "spot": plan.hourly_cost_preemptible}
    for kind, price in prices.items():
        if kind == "spot" and not price:
            continue
        rows.add(
            f"{position}/{kind}",
            offer_key=f"{plan.id}/{kind}",
            provider_raw="vultr",
            gpu_raw=stated[2],
            gpu_count=stated[1],
            instance_type=plan.id,
            purchase_type=kind,
            usd_per_hour=price,
            native_price=price,
            memory_gb=plan.ram / 1024 if plan.ram else None,
            is_available=bool(plan.locations),
        )
