"""Lambda: its machines on demand and the places that have them free.

Publisher: Lambda, https://cloud.lambda.ai/api/v1/instance-types (bearer key of an account; terms of the
account); US cents per machine-hour. Seen 2026: every machine stays listed at its price, sold out or not; one
price holds in all places; the form of the GPU stands in `gpu_description`; no spot.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://cloud.lambda.ai/api/v1/instance-types"
KEY = "AIMARKET_KEY_LAMBDA_CLOUD"
MEMORY = re.compile(r"\((\d+) GB")


class Specs(msgspec.Struct):
    gpus: int
    vcpus: float | None = None
    memory_gib: float | None = None


class InstanceType(msgspec.Struct):
    """The fields read of one machine; the price is in US cents for all of it."""

    name: str
    price_cents_per_hour: msgspec.Raw
    specs: Specs
    gpu_description: str | None = None


class Region(msgspec.Struct):
    name: str


class Entry(msgspec.Struct):
    instance_type: InstanceType
    regions_with_capacity_available: list[Region]


class Answer(msgspec.Struct):
    data: dict[str, msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL, headers={"Authorization": f"Bearer {http.secret(KEY)}"})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: one row per machine with GPUs, the same in every place.

    Key: machine. Available where any place has it free. Raises PayloadError when the answer is not JSON with
    a `data` object.
    """
    data = decode(body, Answer).data
    names = list(data)
    rows = Rows("gpu_offers")
    for number, entry, reason in decode_each(data.values(), Entry):
        position = f"data/{names[number]}"
        if entry is None:
            rows.reject(position, reason)
            continue
        machine = entry.instance_type
        if machine.specs.gpus == 0:
            continue
        cents = decimal(bytes(machine.price_cents_per_hour).decode("utf-8", "replace"))
        price = cents / 100 if cents is not None else None
        memory = MEMORY.search(machine.gpu_description or "")
        rows.add(
            position,
            offer_key=machine.name,
            provider_raw="lambda",
            gpu_raw=machine.gpu_description,
            gpu_count=machine.specs.gpus,
            gpu_memory_gb=memory[1] if memory else None,
            instance_type=machine.name,
            purchase_type="on_demand",
            usd_per_hour=price,
            native_price=price,
            vcpus=machine.specs.vcpus or None,
            memory_gb=machine.specs.memory_gib or None,
            is_available=bool(entry.regions_with_capacity_available),
        )
    return {"gpu_offers": rows}
