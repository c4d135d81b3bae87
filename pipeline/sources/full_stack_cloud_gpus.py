"""The Full Stack cloud GPU table: on-demand and spot prices of 19 clouds, 2022-08 to 2025-04, kept by hand.

Publisher: The Full Stack, github.com/the-full-stack/website `docs/cloud-gpus/cloud-gpus.csv` (MIT), read from
the repository's history: one reading per commit. `serverless-gpus.csv` beside it prices seconds of serving
and is not read. Seen 2026-11: an edit touches one cloud, all other rows stay as first typed (Lambda's H100 is
1.99 from 2023-06 to 2025-04 while its own page asks 2.49 from 2024-01), so a late reading proves that the row
was still listed and not that the price still held. `$` signs stand in the versions of 2022-08 only; `GPU RAM`
is the total in most rows and one card's in some. No form factor is given.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/the-full-stack/website"
HISTORY_PATHS = ("docs/cloud-gpus/cloud-gpus.csv",)
PRICE_COLUMNS = {"On-demand": "on_demand", "Spot": "spot"}
COLUMNS = ("Cloud", "GPU Type", "GPUs", "vCPUs", "RAM", "Per-GPU", "Name", *PRICE_COLUMNS)
LARGEST_DISAGREEMENT = Decimal("0.25")
"""Share of the offer price by which Per-GPU x GPUs may miss it. Cudo bills vCPUs and memory besides: up to
0.22; Oblivus RTX4000 contradicts itself with 0.34."""
KNOWN_FAULTS = {
    ("RunPod.io", ""): "GPUs is the largest count on sale and the price that of one GPU (2023-05-22)",
    ("Baseten", ""): "model serving, moved to the serverless table within the hour (2023-10-31)",
    ("Lambda", "Quadro RTX 6000 (24 GB)"): "repeats the price and machine of the row of 8 V100 (2023-01-11)",
}
"""(cloud, GPU type; empty for all of the cloud) to what is wrong, with the day it entered the table."""


def parse(body: bytes, context: Context) -> Parsed:
    """One version of the table to `gpu_offers`: a row per cloud, machine and kind of sale.

    Key: cloud, product name or else vCPUs and memory, GPU type, count and kind of sale, and an ordinal where
    one machine is listed at several prices (Cudo's processor types, unnamed). Memory is the one card's that
    the GPU type names. Rejected: known faults; shares of a machine, which state vCPUs or memory as a range
    (Dataoorts, H100 at 0.69); rows whose two prices contradict each other; repeated rows. Raises PayloadError
    when the body is not this table.
    """
    if context.path.endswith("serverless-gpus.csv"):
        return {}
    rows = Rows("gpu_offers")
    listed: Counter[str] = Counter()
    seen: set[tuple[str, ...]] = set()
    for line, raw in read_csv(body, COLUMNS):
        if set(COLUMNS) - raw.keys():
            rows.reject(f"line {line}", "the line is cut short")
            continue
        row = {name: value.strip() for name, value in raw.items()}
        if not any(row.values()):
            continue
        position, cloud, gpu, machine = f"line {line}", row["Cloud"], row["GPU Type"], row["Name"]
        known = {"provider_raw": cloud, "gpu_raw": gpu, "gpu_count": row["GPUs"], "instance_type": machine}
        prices = {kind: decimal(row[name]) for name, kind in PRICE_COLUMNS.items() if row[name]}
        fault = _fault(row, prices.get("on_demand"))
        if not fault and tuple(row.values()) in seen:
            fault = "the table lists this row twice"
        if fault:
            rows.reject(position, fault, usd_per_hour=prices.get("on_demand"), **known)
            continue
        seen.add(tuple(row.values()))
        shape = machine or f"{row['vCPUs']}vcpu-{row['RAM']}gb"
        card = re.search(r"\((\d+)", gpu)
        for kind, price in prices.items():
            offer_key = "/".join((cloud, shape, re.sub(r"\s*GB", "GB", gpu), f"{row['GPUs']}x", kind))
            listed[offer_key] += 1
            rows.add(
                f"{position}/{kind}",
                offer_key=offer_key if listed[offer_key] == 1 else f"{offer_key}/{listed[offer_key]}",
                gpu_memory_gb=float(card[1]) if card else None,
                purchase_type=kind,
                usd_per_hour=price,
                native_price=price,
                vcpus=decimal(row["vCPUs"]),
                memory_gb=decimal(row["RAM"]),
                **known,
            )
    return {"gpu_offers": rows}


def _fault(row: dict[str, str], price: Decimal | None) -> str:
    for subject in ((row["Cloud"], ""), (row["Cloud"], row["GPU Type"])):
        if subject in KNOWN_FAULTS:
            return KNOWN_FAULTS[subject]
    if "-" in row["vCPUs"] or "-" in row["RAM"]:
        return "a share of a machine: vCPUs or memory are stated as a range"
    if price is None:
        return "no on-demand price stated" if not row["On-demand"] else ""
    count, per_gpu = decimal(row["GPUs"]), decimal(row["Per-GPU"])
    if count and per_gpu and abs(count * per_gpu - price) > price * LARGEST_DISAGREEMENT:
        return "On-demand and Per-GPU x GPUs contradict each other"
    return ""
