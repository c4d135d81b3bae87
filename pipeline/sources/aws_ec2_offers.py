"""AWS EC2 offer files: list prices of GPU machines, on demand and reserved without upfront payment.

Publisher: Amazon Web Services, https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/current/
<region>/index.csv (no key, no licence stated), changed several times a week; USD per machine-hour. Hundreds
of MB per region, every field in quotes, five lines before the header. Seen 2025-09 and 2026-08: EffectiveDate
of a line is that of the publication, not of the price; `GPU` counts the cards, fractions included, but
nothing names them; machines sold by capacity blocks alone are listed at 0. The us-east-1 price of p5.48xlarge
was 55.04 in 2026-06 while trackers still showed 98.32.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/current/{region}/index.csv"
REGIONS = ("us-east-1", "us-west-2")
"""The two with the most GPU machines."""
GPUS = {
    "p3": ("NVIDIA V100", 16),
    "p3dn": ("NVIDIA V100", 32),
    "p4d": ("NVIDIA A100", 40),
    "p4de": ("NVIDIA A100", 80),
    "p5": ("NVIDIA H100", 80),
    "p5e": ("NVIDIA H200", 141),
    "p5en": ("NVIDIA H200", 141),
    "p6-b200": ("NVIDIA B200", 180),
    "p6-b300": ("NVIDIA B300", 288),
    "u-p6e-gb200x36": ("NVIDIA GB200", None),
    "u-p6e-gb200x72": ("NVIDIA GB200", None),
    "g4ad": ("AMD Radeon Pro V520", 8),
    "g4dn": ("NVIDIA T4", 16),
    "g5": ("NVIDIA A10G", 24),
    "g5g": ("NVIDIA T4G", 16),
    "g6": ("NVIDIA L4", 24),
    "gr6": ("NVIDIA L4", 24),
    "g6f": ("NVIDIA L4", None),
    "gr6f": ("NVIDIA L4", None),
    "g6e": ("NVIDIA L40S", 48),
    "g7e": ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 96),
}
"""Machine family to accelerator and GB of one card: aws.amazon.com/ec2/instance-types, as of 2026-08.
Families that rent parts of a card have no memory here; one not listed is kept under its machine's name."""
GPU_MACHINE = re.compile(rb'[",](?:u-)?(?:p|g|gr)\d[a-z0-9-]*\.[a-z0-9]+[",]')
"""Instance type of a machine with GPUs, as it stands in a raw line."""
KEPT = {
    "Tenancy": ("Shared",),
    "Operating System": ("Linux",),
    "CapacityStatus": ("Used",),
    "Pre Installed S/W": ("", "NA"),
    "MarketOption": ("", "OnDemand"),
    "Unit": ("Hrs",),
    "Currency": ("USD",),
}
"""Of the many lines of one machine those of plain Linux on shared hosts."""
TERM_MONTHS = {"1yr": 12, "3yr": 36}
COLUMNS = (
    "TermType",
    "PricePerUnit",
    "LeaseContractLength",
    "PurchaseOption",
    "OfferingClass",
    "Instance Type",
    "Region Code",
    "vCPU",
    "Memory",
    "GPU",
    *KEPT,
)
PREAMBLE_LINES = 10
"""At most; the header comes after format, disclaimer, date, version and offer code."""


def fetch(http: Http) -> None:
    """One file per region."""
    for region in REGIONS:
        http.get(URL.format(region=region), scope=region)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A region's file to `gpu_offers`: a row per GPU machine, place and kind of sale or commitment.

    Key: machine, place (local zones count as places) and kind: on demand, or standard reservation of 12 or 36
    months without upfront payment. Convertible reservations, upfront payment, other systems and tenancies
    are passed over. Raises PayloadError when the body is not such a file or holds no GPU machine.
    """
    rows = Rows("gpu_offers")
    has_machine = False
    for line, row in _lines(body):
        if len(row) < len(COLUMNS):
            rows.reject(f"line {line}", "the line is cut short")
            continue
        count = decimal(row["GPU"])
        kind = _kind(row)
        if not count or kind is None or any(row[name] not in kept for name, kept in KEPT.items()):
            continue
        has_machine = True
        name, purchase_type, months = kind
        machine = row["Instance Type"]
        gpu, memory_gb = GPUS.get(machine.split(".")[0], (machine, None))
        price = decimal(row["PricePerUnit"])
        rows.add(
            f"line {line}",
            offer_key=f"{machine}/{row['Region Code']}/{name}",
            provider_raw="aws",
            gpu_raw=gpu,
            gpu_count=count,
            gpu_memory_gb=memory_gb,
            instance_type=machine,
            region_raw=row["Region Code"] or None,
            purchase_type=purchase_type,
            commitment_months=months,
            usd_per_hour=price,
            native_price=price,
            vcpus=decimal(row["vCPU"]) or None,
            memory_gb=decimal(row["Memory"].removesuffix(" GiB")) or None,
        )
    if not has_machine:
        raise PayloadError("an offer file without a single GPU machine")
    return {"gpu_offers": rows}


def _lines(body: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, wanted columns) of the lines that name a GPU machine; fewer columns where one is short.

    The raw line decides first: it is a thousand times as many lines as rows. Raises PayloadError.
    """
    lines = enumerate(io.BytesIO(body), start=1)
    header: list[str] = []
    for number, line in lines:
        if b"Instance Type" in line:
            header = _fields(line)
            break
        if number >= PREAMBLE_LINES:
            break
    if missing := set(COLUMNS) - set(header):
        raise PayloadError(f"not an EC2 offer file: no column {', '.join(sorted(missing))}")
    places = {name: header.index(name) for name in COLUMNS}
    for number, line in lines:
        if b"Linux" in line and b"Shared" in line and GPU_MACHINE.search(line):
            fields = _fields(line)
            yield number, {name: fields[place] for name, place in places.items() if place < len(fields)}


def _fields(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8", "replace").rstrip("\r\n")]), [])
    except csv.Error:
        return []


def _kind(row: dict[str, str]) -> tuple[str, str, int | None] | None:
    """(name, purchase type, months) of a way to buy that is kept."""
    if row["TermType"] == "OnDemand":
        return "on_demand", "on_demand", None
    months = TERM_MONTHS.get(row["LeaseContractLength"].replace(" ", ""))
    is_plain = row["PurchaseOption"] == "No Upfront" and row["OfferingClass"] == "standard"
    return (f"reserved{months}", "reserved", months) if months and is_plain else None
