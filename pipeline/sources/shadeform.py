"""Shadeform: machines of some twenty clouds that it resells at their own prices.

Publisher: Shadeform, https://api.shadeform.ai/v1/instances/types (key of a free account in X-API-KEY; terms
of the account); US cents per machine-hour. It repeats what the clouds ask, so it checks other sources. Seen
2026-03 in its documents: sold-out machines stay listed, place by place; one price holds in all places; no
spot; the same card is named by the reseller (`gpu_type`) and by the cloud (`cloud_instance_type`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://api.shadeform.ai/v1/instances/types"
KEY = "AIMARKET_KEY_SHADEFORM"


class Configuration(msgspec.Struct):
    gpu_type: str
    num_gpus: int
    interconnect: str | None = None
    vram_per_gpu_in_gb: float | None = None
    vcpus: float | None = None
    memory_in_gb: float | None = None


class Place(msgspec.Struct):
    region: str
    available: bool


class InstanceType(msgspec.Struct):
    """The fields read of one machine; `hourly_price` in US cents for all of it."""

    cloud: str
    shade_instance_type: str
    cloud_instance_type: str
    configuration: Configuration
    hourly_price: msgspec.Raw
    availability: list[Place]
    deployment_type: str | None = None


class Answer(msgspec.Struct):
    instance_types: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL, headers={"X-API-KEY": http.secret(KEY)})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: one row per machine and place; CPU machines are passed over.

    Key: cloud, its name of the machine, the reseller's name, kind of deployment and place. The seller is the
    cloud. Raises PayloadError when the answer is not JSON with an `instance_types` list.
    """
    rows = Rows("gpu_offers")
    for number, machine, reason in decode_each(decode(body, Answer).instance_types, InstanceType):
        position = f"instance_types/{number}"
        if machine is None:
            rows.reject(position, reason)
            continue
        shape = machine.configuration
        if shape.num_gpus == 0:
            continue
        cents = decimal(bytes(machine.hourly_price).decode("utf-8", "replace"))
        price = cents / 100 if cents is not None else None
        known = {
            "provider_raw": machine.cloud,
            "gpu_raw": shape.gpu_type,
            "gpu_count": shape.num_gpus,
            "gpu_memory_gb": shape.vram_per_gpu_in_gb or None,
            "interconnect_raw": shape.interconnect or None,
            "instance_type": machine.cloud_instance_type,
            "purchase_type": "on_demand",
            "usd_per_hour": price,
            "native_price": price,
            "vcpus": shape.vcpus or None,
            "memory_gb": shape.memory_in_gb or None,
        }
        names = (machine.cloud_instance_type, machine.shade_instance_type, machine.deployment_type or "")
        for place_number, place in enumerate(machine.availability):
            rows.add(
                f"{position}/availability/{place_number}",
                offer_key="/".join((machine.cloud, *names, place.region)),
                region_raw=place.region or None,
                is_available=place.available,
                **known,
            )
    return {"gpu_offers": rows}
