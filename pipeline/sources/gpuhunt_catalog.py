"""gpuhunt catalogue: machines of nine clouds, collected hourly from the vendors' own interfaces.

Publisher: dstack, github.com/dstackai/gpuhunt, a zip with one CSV per cloud under
https://dstack-gpu-pricing.s3.eu-west-1.amazonaws.com/v3/ (no licence stated for the data), rebuilt every
hour; the small `version` file names the newest. USD per hour of a machine. Seen 2026-11 in its code:
`gpu_name` is normalised, so H100 is SXM or PCIe while H100NVL stands apart; OCI spot is computed as half of
on-demand; AWS spot is the lowest of the zones; Lambda's main memory is scaled by 1.074; clusters of RunPod
and calendar mode of GCP are flagged, not separate names; CPU machines have a GPU count of 0.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://dstack-gpu-pricing.s3.eu-west-1.amazonaws.com/v3/{provider}/{file}"
PROVIDERS = ("aws", "azure", "gcp", "lambdalabs", "nebius", "oci", "runpod", "verda", "cloudrift")
COLUMNS = (
    "instance_name",
    "location",
    "price",
    "cpu",
    "memory",
    "gpu_count",
    "gpu_name",
    "gpu_memory",
    "spot",
    "flags",
)
VERSION = re.compile(r"\d{8}-\w+")
"""`YYYYMMDD-<run>`."""
CALENDAR_MODE = "gcp-dws-calendar-mode"
"""Flag of capacity that is booked for a window of days in advance."""
LARGEST_CSV_BYTES = 500_000_000
"""Unpacked. The largest catalogue has some 10 MB; a few kB of zip can hold any size."""
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    OverflowError,
)
"""What the zip reader raises on a file that is broken inside."""


def fetch(http: Http) -> None:
    """Per cloud the version, then its catalogue; a cloud that left is passed over."""
    for provider in PROVIDERS:
        answer = http.get(URL.format(provider=provider, file="version"), parse=False, optional=True)
        version = answer.decode("utf-8", "replace").strip()
        if not version:
            continue
        if not VERSION.fullmatch(version):
            raise PayloadError(f"{provider}: no version but {version[:60]!r}")
        http.get(URL.format(provider=provider, file=f"{version}/catalog.zip"), scope=provider)


def parse(body: bytes, context: Context) -> Parsed:
    """A cloud's zip to `gpu_offers`: a row per machine, place, accelerators and kind of sale.

    Key: cloud, machine, place, count and name of the accelerators, flags and kind. Memory is one card's.
    Spot is as the catalogue says; capacity booked in advance is `capacity_block`. CPU machines are passed
    over. Raises PayloadError when the body is not a zip with one such list.
    """
    provider = context.scope
    rows = Rows("gpu_offers")
    for line, row in read_csv(_unpack(body), COLUMNS):
        position = f"line {line}"
        if set(COLUMNS) - row.keys():
            rows.reject(position, "the line is cut short")
            continue
        count = decimal(row["gpu_count"] or "0")
        if not row["gpu_name"] and not count:
            continue
        flags = row["flags"].split()
        is_spot = {"true": True, "false": False}.get(row["spot"].lower())
        purchase_type = "capacity_block" if CALENDAR_MODE in flags else "spot" if is_spot else "on_demand"
        price = decimal(row["price"])
        known = {
            "provider_raw": provider,
            "gpu_raw": row["gpu_name"],
            "gpu_count": count,
            "instance_type": row["instance_name"],
            "usd_per_hour": price,
        }
        if is_spot is None:
            rows.reject(position, f"neither spot nor not: {row['spot']!r}", **known)
            continue
        accelerators = f"{row['gpu_count']}x{row['gpu_name']}"
        rows.add(
            position,
            offer_key="/".join(
                (provider, row["instance_name"], row["location"], accelerators, *flags, purchase_type)
            ),
            gpu_memory_gb=decimal(row["gpu_memory"]) or None,
            region_raw=row["location"] or None,
            purchase_type=purchase_type,
            native_price=price,
            vcpus=decimal(row["cpu"]) or None,
            memory_gb=decimal(row["memory"]) or None,
            **known,
        )
    return {"gpu_offers": rows}


def _unpack(body: bytes) -> bytes:
    """The one CSV of the zip. Raises PayloadError."""
    if not body.startswith(b"PK"):
        raise PayloadError(f"not a zip; the body starts {body[:60]!r}")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise PayloadError(f"one CSV belongs in the zip, it holds {archive.namelist()[:5]}")
            # No more than the size stated here is unpacked, whatever the file goes on with.
            if archive.getinfo(names[0]).file_size > LARGEST_CSV_BYTES:
                raise PayloadError(f"the CSV is over {LARGEST_CSV_BYTES} bytes")
            return archive.read(names[0])
    except DAMAGED as error:
        raise PayloadError(f"damaged zip: {error}") from error
