"""GPU pricing polls: what five clouds asked between 2026-05-22 and 2026-06-15, kept in a git history.

Publisher: github.com/sooddvs/gpu-pricing `gpu_pricing_raw.csv` (no licence: derived use only), collected from
the vendors' own price interfaces; one reading per version. `gpu_pricing.json` beside it mixes in typed-in
history (`historical_estimate`) and is not read. Seen 2026-11:
* RunPod: tier `spot` is the community price, `36mo` the three-month one; the type column calls every H100
  SXM, only the sku tells NVL and PCIe. Community prices outlive the hardware they were for (H200 NVL 0.50).
* OCI: part numbers tell what is sold, the type does not: GB200 and GB300 are called B200 and B300, and four
  parts are unexplained (B109480 "H100" at 10.75; B110965, B111454, B111455 "L40S" at 3.50, 0.60, 2.90).
* GCP: billing lines of the accelerator alone (H100 9.80, the machine 11.06 each), calendar and
  defined-duration modes filed under 12 and 36 months.
* AWS SageMaker is a managed service. Azure terms are savings plans since 2026-05-21 17:25, before that
  reservations.
* Vultr: counts are wrong until 2026-06-02 (1 for machines of 2 to 8); a few Azure rows are missing some days.
* The versions of 2026-05-21 differ within the hour in tiers, counts and names.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/sooddvs/gpu-pricing"
HISTORY_PATHS = ("gpu_pricing_raw.csv",)
COLUMNS = (
    "provider",
    "gpu_type",
    "gpu_count",
    "sku",
    "price_tier",
    "per_gpu_hourly_usd",
    "total_hourly_usd",
    "region",
)
SETTLED_ON = date(2026, 5, 22)
TIERS = {
    "on_demand": ("on_demand", None),
    "6mo": ("reserved", 6),
    "12mo": ("reserved", 12),
    "36mo": ("reserved", 36),
}
"""Tier to kind of sale and commitment in months."""
RUNPOD_TIERS = {"spot": ("community", None), "36mo": ("reserved", 3)}
OCI_PARTS = {
    "B95907": "A100 80GB",
    "B98415": "H100",
    "B109479": "L40S",
    "B110519": "H200",
    "B110978": "B200",
    "B110979": "GB200",
    "B112140": "GB300",
    "B112237": "B300",
}
"""Part number to accelerator, from the vendor's price list (display names, June 2026); the last two by their
prices, 18 and 15 per GPU-hour, which its BM.GPU.GB300.4 (72) and BM.GPU.B300.8 (120) share with no other."""
UNUSABLE_PROVIDERS = {
    "GCP": "a billing line of the accelerator alone; the rest of the machine is billed besides",
    "AWS SageMaker": "a managed service, not the rental of a machine",
}
LOWEST_COMMUNITY_SHARE = Decimal("0.25")
"""Of the secure price. Believable community prices lie between this and the secure price itself."""
L40S_MEMORY_GB = 48


def parse(body: bytes, context: Context) -> Parsed:
    """A version of the file to `gpu_offers`: one row per cloud, product, place and term.

    Key: cloud, sku, place and term. The price is the machine's, or one GPU's where the vendor sells by GPU
    (gpu_count 1). The accelerator is named by the sku for Azure and RunPod, by the part for OCI. A row
    belongs to the reading of its cloud at fetched_at, in versions without one at the version's own time.
    Raises PayloadError when the body is not this file.
    """
    rows = Rows("gpu_offers")
    found = list(read_csv(body, COLUMNS))
    secure = {
        row["sku"]: decimal(row["per_gpu_hourly_usd"])
        for _, row in found
        if row.keys() >= set(COLUMNS) and row["provider"] == "RunPod" and row["price_tier"] == "on_demand"
    }
    for line, row in found:
        if set(COLUMNS) - row.keys():
            rows.reject(f"line {line}", "the line is cut short")
            continue
        provider, sku, tier = row["provider"], row["sku"], row["price_tier"]
        per_gpu, total = decimal(row["per_gpu_hourly_usd"]), decimal(row["total_hourly_usd"])
        tiers = TIERS | (RUNPOD_TIERS if provider == "RunPod" else {})
        purchase_type, months = tiers.get(tier, (tier, None))
        gpu_raw = {"Azure": sku, "RunPod": sku, "OCI": OCI_PARTS.get(sku)}.get(provider) or row["gpu_type"]
        known = {
            "provider_raw": provider,
            "gpu_raw": gpu_raw,
            "gpu_count": row["gpu_count"] or ("1" if total is None else None),
            "instance_type": sku,
            "usd_per_hour": total or per_gpu,
            "native_price": total or per_gpu,
        }
        fault = UNUSABLE_PROVIDERS.get(provider, "")
        if context.observed_at.date() < SETTLED_ON:
            fault = f"tiers, counts and names were still being changed before {SETTLED_ON}"
        elif provider == "OCI" and sku not in OCI_PARTS:
            fault = "a part number whose accelerator is not established"
        elif provider == "Vultr":
            fault = _vultr_fault(row)
        elif purchase_type == "community" and not _is_believable(per_gpu, secure.get(sku)):
            fault = "community price out of step with the secure one: the hardware is no longer hosted"
        stated = {"observed_at": row["fetched_at"]} if row.get("fetched_at") else {}
        if fault:
            rows.reject(f"line {line}", fault, **known, **stated)
            continue
        rows.add(
            f"line {line}",
            reading_scope=provider,
            offer_key=f"{provider}/{sku}/{row['region']}/{purchase_type}{months or ''}",
            region_raw=row["region"] or None,
            purchase_type=purchase_type,
            commitment_months=months,
            **known,
            **stated,
        )
    return {"gpu_offers": rows}


def _is_believable(community: Decimal | None, secure: Decimal | None) -> bool:
    return bool(community and secure and secure * LOWEST_COMMUNITY_SHARE <= community <= secure)


def _vultr_fault(row: dict[str, str]) -> str:
    memory = re.search(r"-(\d+)vram$", row["sku"])
    if row["gpu_type"] != "L40S" or not memory:
        return "a slice of a card; its share is not stated"
    if decimal(row["gpu_count"]) != Decimal(memory[1]) / L40S_MEMORY_GB:
        return "the GPU count contradicts the memory the product name states"
    return ""
