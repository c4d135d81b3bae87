"""Verda (DataCrunch until 2025): its machines, on demand and spot.

Publisher: Verda, https://api.verda.com/v1/instance-types (client id and secret of a free account, exchanged
for a token; terms of the account); USD per machine-hour as text. Seen 2025-12: `gpu_memory` is that of all
cards; CPU machines have 0 GPUs; a spot price stands there whether there is stock or not, and stock is another
question (by place) that is not asked.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
TOKEN_URL = "https://api.verda.com/v1/oauth2/token"
URL = "https://api.verda.com/v1/instance-types"
ID_KEY, SECRET_KEY = "AIMARKET_KEY_VERDA_ID", "AIMARKET_KEY_VERDA_SECRET"
GpuCount = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
"""Bounded, for memory is divided by it."""


class Token(msgspec.Struct):
    access_token: str


class Gpu(msgspec.Struct):
    number_of_gpus: GpuCount


class Size(msgspec.Struct):
    size_in_gigabytes: float | None = None


class Cpu(msgspec.Struct):
    number_of_cores: float | None = None


class InstanceType(msgspec.Struct):
    """The fields read of one machine; prices are per hour for all of it."""

    instance_type: str
    name: str
    gpu: Gpu
    gpu_memory: Size
    price_per_hour: Decimal
    currency: str
    spot_price: Decimal | None = None
    cpu: Cpu | None = None
    memory: Size | None = None


def fetch(http: Http) -> None:
    """A token, then the whole list."""
    login = {
        "grant_type": "client_credentials",
        "client_id": http.secret(ID_KEY),
        "client_secret": http.secret(SECRET_KEY),
    }
    token = decode(http.post(TOKEN_URL, json=login, private=True), Token).access_token
    http.get(URL, params={"currency": "usd"}, headers={"Authorization": f"Bearer {token}"})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: two rows per GPU machine, on demand and spot.

    Key: machine and kind of sale. Raises PayloadError when the answer is not a JSON list.
    """
    rows = Rows("gpu_offers")
    for number, machine, reason in decode_each(decode(body, list[msgspec.Raw]), InstanceType):
        if machine is None:
            rows.reject(str(number), reason)
            continue
        count = machine.gpu.number_of_gpus
        if count == 0:
            continue
        known = {
            "provider_raw": "verda",
            "gpu_raw": machine.name,
            "gpu_count": count,
            "instance_type": machine.instance_type,
        }
        if machine.currency.lower() != "usd":
            rows.reject(str(number), f"not USD: {machine.currency}", **known)
            continue
        memory_gb = machine.gpu_memory.size_in_gigabytes
        for kind, price in (("on_demand", machine.price_per_hour), ("spot", machine.spot_price)):
            if kind == "spot" and not price:
                continue
            rows.add(
                f"{number}/{kind}",
                offer_key=f"{machine.instance_type}/{kind}",
                gpu_memory_gb=memory_gb / count if memory_gb else None,
                purchase_type=kind,
                usd_per_hour=price,
                native_price=price,
                vcpus=(machine.cpu and machine.cpu.number_of_cores) or None,
                memory_gb=(machine.memory and machine.memory.size_in_gigabytes) or None,
                **known,
            )
    return {"gpu_offers": rows}
