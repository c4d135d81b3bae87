"""Hot Aisle: machines with MI300X that can be rented now.

Publisher: Hot Aisle, https://admin.hotaisle.app/api/teams/<team>/virtual_machines/available/ (token and team
of an account; terms of the account); US cents per machine-hour. Seen 2026: the list holds what is free at the
moment and is `null` when nothing is; there is one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://admin.hotaisle.app/api/teams/{team}/virtual_machines/available/"
KEY, TEAM = "AIMARKET_KEY_HOTAISLE", "AIMARKET_KEY_HOTAISLE_TEAM"
BYTES_PER_GIB = 1024**3
NOTHING = b"null"
"""The whole answer while every machine is rented."""


class Gpu(msgspec.Struct):
    count: int
    model: str


class Specs(msgspec.Struct):
    gpus: list[Gpu]
    cpu_cores: float | None = None
    ram_capacity: float | None = None


class Machine(msgspec.Struct):
    """One machine: price in US cents per hour, main memory in bytes."""

    OnDemandPrice: msgspec.Raw
    Specs: Specs


def fetch(http: Http) -> None:
    """The whole list, one request."""
    headers = {"Authorization": f"Token {http.secret(KEY)}"}
    http.get(URL.format(team=http.secret(TEAM)), headers=headers)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: one row per machine on offer, none when everything is rented.

    Key: count and name of the accelerators and number of cores. Raises PayloadError when the answer is
    neither a JSON list nor null.
    """
    rows = Rows("gpu_offers")
    if body.strip() == NOTHING:
        return {"gpu_offers": rows}
    for number, machine, reason in decode_each(decode(body, list[msgspec.Raw]), Machine):
        if machine is None:
            rows.reject(str(number), reason)
            continue
        specs = machine.Specs
        if len(specs.gpus) != 1:
            rows.reject(str(number), f"{len(specs.gpus)} kinds of accelerator in one machine")
            continue
        gpu = specs.gpus[0]
        cents = decimal(bytes(machine.OnDemandPrice).decode("utf-8", "replace"))
        price = cents / 100 if cents is not None else None
        shape = f"{gpu.count}x{gpu.model}"
        rows.add(
            number,
            offer_key=f"{shape}/{specs.cpu_cores or 0:g}cores",
            provider_raw="hotaisle",
            gpu_raw=gpu.model,
            gpu_count=gpu.count,
            instance_type=shape,
            purchase_type="on_demand",
            usd_per_hour=price,
            native_price=price,
            vcpus=specs.cpu_cores or None,
            memory_gb=specs.ram_capacity / BYTES_PER_GIB if specs.ram_capacity else None,
            is_available=True,
        )
    return {"gpu_offers": rows}
