"""SkyPilot catalogue: one price list per cloud, built by the project from the vendors' own interfaces.

Publisher: github.com/skypilot-org/skypilot-catalog `catalogs/v8/<cloud>/vms.csv` (Apache-2.0); USD per hour
of a machine, but for seeweb, whose price in euros the project writes down as it stands (its fetcher of
2026-05 converts nothing). Seen 2026-11: clouds are refreshed from hourly (shadeform) to rarely (lambda,
oci, cudo); lambda and oci repeat every type for every region, runpod for every zone, whether there is stock
or not; `GpuInfo` comes as a Python dict, as JSON or as a mix of both; a spot price of 0, or equal to the
price, stands for none. Not read: gcp (accelerators and their machines stand in separate rows), vast (one
upper median per bucket; its asks are read directly), mithril (both prices are the floor of an auction, 1.00
per H100), azure (not seen), hyperbolic, hyperstack and primeintellect (never refreshed since they were
added).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 2
URL = "https://raw.githubusercontent.com/skypilot-org/skypilot-catalog/master/catalogs/v8/{cloud}/vms.csv"
CLOUDS = (
    "aws",
    "lambda",
    "runpod",
    "verda",
    "nebius",
    "oci",
    "cudo",
    "shadeform",
    "jarvislabs",
    "seeweb",
    "lium",
    "spheron",
    "yotta",
)
CURRENCIES = {"seeweb": "EUR"}
"""Of clouds whose prices are not in USD."""
COLUMNS = (
    "InstanceType",
    "AcceleratorName",
    "AcceleratorCount",
    "vCPUs",
    "MemoryGiB",
    "Price",
    "SpotPrice",
    "Region",
    "GpuInfo",
)
NAME = re.compile(r"""['"]Name['"]: *['"]([^'"]+)""")
SIZE = re.compile(r"""['"]SizeInMiB['"]: *(\d+)""")
LARGEST_GB = 1024
"""SizeInMiB below this holds gigabytes (runpod before 2026, shadeform); no accelerator has so few MiB."""
FORM = re.compile(r"sxm\d*|pcie|nvlink|nvl", re.IGNORECASE)


def fetch(http: Http) -> None:
    """One file per cloud; a cloud that left the catalogue is passed over."""
    for cloud in CLOUDS:
        http.get(URL.format(cloud=cloud), scope=cloud, optional=True)


def parse(body: bytes, context: Context) -> Parsed:
    """A cloud's list to `gpu_offers`: a row per machine, place and price; CPU machines are passed over.

    Key: cloud, machine, region, zone and kind of sale. The accelerator is named as in GpuInfo, which is
    nearest to the vendor's words; where only the machine's name tells the form factor, it is taken from
    there. Memory is one card's. Raises PayloadError when the body is not such a list.
    """
    cloud = context.scope
    currency = CURRENCIES.get(cloud, "USD")
    rows = Rows("gpu_offers")
    for line, row in read_csv(body, COLUMNS):
        if set(COLUMNS) - row.keys():
            rows.reject(f"line {line}", "the line is cut short")
            continue
        count = decimal(row["AcceleratorCount"])
        if not row["AcceleratorName"] or count == 0:
            continue
        info, machine, zone = row["GpuInfo"], row["InstanceType"], row.get("AvailabilityZone", "")
        name, size = NAME.search(info), SIZE.search(info)
        gpu_raw = name[1] if name else row["AcceleratorName"]
        form = FORM.search(gpu_raw) or FORM.search(machine)
        memory = float(size[1]) if size else 0.0
        price, spot_price = decimal(row["Price"]), decimal(row["SpotPrice"])
        prices = {"on_demand": price, "spot": spot_price if spot_price != price else None}
        known = {
            "provider_raw": cloud,
            "gpu_raw": gpu_raw,
            "gpu_count": count,
            "gpu_memory_gb": (memory if memory < LARGEST_GB else memory / 1024) or None,
            "interconnect_raw": form[0] if form else None,
            "instance_type": machine,
            "region_raw": row["Region"] or None,
            "vcpus": decimal(row["vCPUs"]),
            "memory_gb": decimal(row["MemoryGiB"]),
        }
        if not machine:
            rows.reject(f"line {line}", "an accelerator without the machine it is attached to", **known)
            continue
        if not any(prices.values()):
            rows.reject(f"line {line}", f"no price: {row['Price']!r}, spot {row['SpotPrice']!r}", **known)
        for purchase_type, amount in prices.items():
            if amount:
                rows.add(
                    f"line {line}/{purchase_type}",
                    offer_key="/".join((cloud, machine, row["Region"], zone, purchase_type)),
                    purchase_type=purchase_type,
                    usd_per_hour=amount if currency == "USD" else None,
                    native_price=amount,
                    currency=currency,
                    **known,
                )
    return {"gpu_offers": rows}
