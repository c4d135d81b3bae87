"""Cudo Compute: GPUs by place and kind of host, the price of the GPU alone.

Publisher: Cudo Compute, https://rest.compute.cudo.org/v1/vms/machine-types (no key, no licence stated); USD
per unit-hour as text. vCPUs, memory, storage and address are billed besides, by rates that stand next to it,
so this is less than a machine costs, for small cards less than half of it. Seen 2024 to 2026-04; the main
open client dropped the cloud in 2026-06. `gpuModel` is empty on CPU machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://rest.compute.cudo.org/v1/vms/machine-types"


class Price(msgspec.Struct):
    """USD per hour of one unit."""

    value: str


class MachineType(msgspec.Struct):
    """The fields read of one kind of host."""

    dataCenterId: str
    machineType: str
    gpuPriceHr: Price
    gpuModel: str = ""
    maxGpuFree: int | None = None
    totalGpuFree: int | None = None


class Answer(msgspec.Struct):
    machineTypes: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: one row per place and kind of host with GPUs; gpu_count is 1.

    Key: place and kind of host. Available is what has a free GPU; they are counted. Raises PayloadError when
    the answer is not JSON with a `machineTypes` list.
    """
    rows = Rows("gpu_offers")
    for number, host, reason in decode_each(decode(body, Answer).machineTypes, MachineType):
        position = f"machineTypes/{number}"
        if host is None:
            rows.reject(position, reason)
            continue
        if not host.gpuModel:
            continue
        price = decimal(host.gpuPriceHr.value)
        rows.add(
            position,
            offer_key=f"{host.dataCenterId}/{host.machineType}",
            provider_raw="cudo",
            gpu_raw=host.gpuModel,
            gpu_count=1,
            instance_type=host.machineType,
            region_raw=host.dataCenterId,
            purchase_type="on_demand",
            usd_per_hour=price,
            native_price=price,
            is_available=None if host.maxGpuFree is None else host.maxGpuFree > 0,
            available_count=host.totalGpuFree,
        )
    return {"gpu_offers": rows}
