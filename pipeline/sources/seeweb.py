"""Seeweb: its GPU plans, priced in euros.

Publisher: Seeweb, https://api.seeweb.it/ecs/v2/plans (token of an account in X-APITOKEN; terms of the
account); the plan's price per hour. The interface names no currency; the vendor's price list is in euros
(H200 2.60 EUR, 2026). Seen 2026: numbers come as text; `available` says that the plan is on sale, not that
there is stock; CPU plans have a GPU count of 0; places are those the plan is offered in.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://api.seeweb.it/ecs/v2/plans"
KEY = "AIMARKET_KEY_SEEWEB"
CURRENCY = "EUR"
MEMORY = re.compile(r"(\d+) ?GB")


class Plan(msgspec.Struct):
    """The fields read of one plan; `ram` in MiB."""

    name: str
    gpu: str
    hourly_price: Decimal
    available: bool
    gpu_label: str | None = None
    cpu: str | None = None
    ram: str | None = None


class Answer(msgspec.Struct):
    plans: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL, headers={"X-APITOKEN": http.secret(KEY)})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: one row per GPU plan on sale, the same in every place.

    Key: plan. The price is in euros; there is no amount in USD. Whether there is stock is unknown. Raises
    PayloadError when the answer is not JSON with a `plans` list.
    """
    rows = Rows("gpu_offers")
    for number, plan, reason in decode_each(decode(body, Answer).plans, Plan):
        if plan is None:
            rows.reject(f"plans/{number}", reason)
            continue
        if plan.gpu == "0" or not plan.available:
            continue
        memory = MEMORY.search(plan.gpu_label or "")
        ram = decimal(plan.ram or "")
        rows.add(
            f"plans/{number}",
            offer_key=plan.name,
            provider_raw="seeweb",
            gpu_raw=plan.gpu_label,
            gpu_count=plan.gpu,
            gpu_memory_gb=memory[1] if memory else None,
            instance_type=plan.name,
            purchase_type="on_demand",
            native_price=plan.hourly_price,
            currency=CURRENCY,
            vcpus=decimal(plan.cpu or "") or None,
            memory_gb=ram / 1024 if ram else None,
        )
    return {"gpu_offers": rows}
