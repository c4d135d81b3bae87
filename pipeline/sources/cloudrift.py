"""CloudRift: virtual machines of one host network, mostly with consumer cards.

Publisher: CloudRift, POST https://api.cloudrift.ai/api/v1/instance-types/list (no key, no licence stated); US
cents per machine-hour. Seen 2026 in a client: `data` is a bare string where the request failed; memory is in
bytes, that of the GPU per card; RTX 4090, RTX 5090, RTX PRO 6000 and MI350X are all it sells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://api.cloudrift.ai/api/v1/instance-types/list"
REQUEST = {
    "version": "2025-03-21",
    "data": {"selector": {"ByServiceAndLocation": {"services": ["vm"]}}},
}
BYTES_PER_GIB = 1024**3


class Variant(msgspec.Struct):
    """A machine: `cost_per_hour` in US cents, memory in bytes, `nodes_per_dc` free nodes by data centre."""

    name: str
    gpu_count: int
    cost_per_hour: msgspec.Raw
    cpu_count: float | None = None
    dram: float | None = None
    vram: float | None = None
    nodes_per_dc: dict[str, int] = {}


class InstanceType(msgspec.Struct):
    brand_short: str
    variants: list[msgspec.Raw]


class Data(msgspec.Struct):
    instance_types: list[msgspec.Raw]


class Answer(msgspec.Struct):
    data: Data


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.post(URL, json=REQUEST)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `gpu_offers`: one row per machine with a GPU, the same in every data centre.

    Key: machine. Available where any data centre has a node; the nodes are counted. Raises PayloadError when
    the answer is not JSON with data.instance_types.
    """
    rows = Rows("gpu_offers")
    for number, kind, reason in decode_each(decode(body, Answer).data.instance_types, InstanceType):
        if kind is None:
            rows.reject(f"data/instance_types/{number}", reason)
            continue
        for variant_number, variant, fault in decode_each(kind.variants, Variant):
            position = f"data/instance_types/{number}/variants/{variant_number}"
            if variant is None:
                rows.reject(position, fault, gpu_raw=kind.brand_short)
                continue
            if variant.gpu_count == 0:
                continue
            cents = decimal(bytes(variant.cost_per_hour).decode("utf-8", "replace"))
            price = cents / 100 if cents is not None else None
            node_count = sum(variant.nodes_per_dc.values())
            rows.add(
                position,
                offer_key=variant.name,
                provider_raw="cloudrift",
                gpu_raw=kind.brand_short,
                gpu_count=variant.gpu_count,
                gpu_memory_gb=variant.vram / BYTES_PER_GIB if variant.vram else None,
                instance_type=variant.name,
                purchase_type="on_demand",
                usd_per_hour=price,
                native_price=price,
                vcpus=variant.cpu_count,
                memory_gb=variant.dram / BYTES_PER_GIB if variant.dram else None,
                is_available=node_count > 0,
                available_count=node_count,
            )
    return {"gpu_offers": rows}
