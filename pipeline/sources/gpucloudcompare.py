"""GPU Cloud Compare: daily list prices of some nine smaller clouds, from their interfaces and pages.

Publisher: https://gpucloudcompare.com/data/current.json (CC BY 4.0); USD per machine-hour, one file a day. It
repeats what the clouds ask, so it checks other sources. Seen 2026-08: half of the clouds name the accelerator
in the plan's id alone; Hetzner's and Vultr's plans lack the count; OVHcloud has no prices; UpCloud has
monthly prices only, too low for a month (H100 204 USD); Latitude lists a plan once per group of places, each
with its own price.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://gpucloudcompare.com/data/current.json"


class Plan(msgspec.Struct):
    """The fields read of one plan; the price is USD per hour of the whole machine."""

    provider: str
    plan_id: str
    price_hourly_usd: Decimal | None
    gpu_model: str | None = None
    gpu_count: float | None = None
    locations: list[str] = []
    vcpu: str | float | None = None
    ram_gb: float | None = None


class Answer(msgspec.Struct):
    generated_at: datetime
    plans: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The newest file."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A day's file to `gpu_offers`: one row per plan, and per group of places where their prices differ.

    Key: cloud and plan; the places join it where a plan is listed several times. The accelerator is the
    plan's id where no model is named. The file is one reading at the instant it was generated. Plans without
    an hourly price or a count are rejected. Raises PayloadError when the answer is not such a file.
    """
    answer = decode(body, Answer)
    rows = Rows("gpu_offers")
    plans = list(decode_each(answer.plans, Plan))
    listed = Counter((plan.provider, plan.plan_id) for _, plan, _ in plans if plan)
    for number, plan, reason in plans:
        position = f"plans/{number}"
        if plan is None:
            rows.reject(position, reason, observed_at=answer.generated_at)
            continue
        places = ", ".join(plan.locations)
        key = [plan.provider, plan.plan_id]
        if listed[plan.provider, plan.plan_id] > 1:
            key.append(places)
        known = {
            "observed_at": answer.generated_at,
            "offer_key": "/".join(key),
            "provider_raw": plan.provider,
            "gpu_raw": plan.gpu_model or plan.plan_id,
            "gpu_count": plan.gpu_count,
            "instance_type": plan.plan_id,
        }
        if plan.price_hourly_usd is None:
            rows.reject(position, "no hourly price", **known)
            continue
        rows.add(
            position,
            region_raw=places or None,
            purchase_type="on_demand",
            usd_per_hour=plan.price_hourly_usd,
            native_price=plan.price_hourly_usd,
            vcpus=decimal(str(plan.vcpu or "")) or None,
            memory_gb=plan.ram_gb or None,
            **known,
        )
    return {"gpu_offers": rows}
