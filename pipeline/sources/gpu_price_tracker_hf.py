"""GPU Price Tracker: snapshots of 13 clouds twice a day since 2026-01, a dataset in Parquet.

Publisher: Alex Hubbard, https://huggingface.co/datasets/afhubbard/gpu-prices, folder `prices/dt=<day>` (CC BY
4.0); collected with gpuhunt, USD per machine-hour. Files never change; there are none from 2026-03-10 to
2026-05-06. It repeats what the clouds ask, so it checks other sources. Seen 2026-08 in its documents:
`quality` marks CPU machines, unknown accelerators and missing memory; RunPod's community cloud is filed under
spot; the basket changes with gpuhunt; prices are 4-byte floats.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
DATASET = "datasets/afhubbard/gpu-prices"
LIST_URL = f"https://huggingface.co/api/{DATASET}/tree/main/{{folder}}"
FILE_URL = f"https://huggingface.co/{DATASET}/resolve/main/{{path}}"
DAY_FOLDER = re.compile(r"prices/dt=\d{4}-\d{2}-\d{2}")
MAGIC = b"PAR1"
"""First and last bytes of every Parquet file."""
DAMAGED = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    ValueError,
    RuntimeError,
    MemoryError,
)
"""What the readers raise on a file that is broken inside."""


def _above_zero(name: str) -> pl.Expr:
    """A number, null where it is 0 or undefined: the collector's words for not stated."""
    number = pl.col(name).cast(pl.Float64)
    return pl.when(number > 0).then(number.fill_nan(None))


COLUMNS = {
    "observed_at": pl.col("timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
    "provider_raw": pl.col("provider").cast(pl.String),
    "gpu_raw": pl.col("gpu_type").cast(pl.String),
    "gpu_count": pl.col("gpu_count").cast(pl.Int64),
    "gpu_memory_gb": _above_zero("gpu_memory_gb"),
    "instance_type": pl.col("instance_type").cast(pl.String),
    "region_raw": pl.col("region").cast(pl.String),
    # The shortest text that is this 4-byte float is what the collector read.
    "usd_per_hour": pl.col("price_per_hour").cast(pl.Float32).cast(pl.String),
    "vcpus": _above_zero("vcpus"),
    "memory_gb": _above_zero("ram_gb"),
    "is_available": pl.col("available").cast(pl.Boolean),
    "zone": pl.col("availability_zone").cast(pl.String),
    "is_spot": pl.col("is_spot").cast(pl.Boolean),
    "quality": pl.col("quality").cast(pl.String),
}
"""Column of gpu_offers, or what decides about the row, to the dataset's own."""


class Entry(msgspec.Struct):
    """A file or folder of the dataset."""

    type: str
    path: str


def fetch(http: Http) -> None:
    """The files of the newest day."""
    days = decode(http.get(LIST_URL.format(folder="prices"), parse=False), list[Entry])
    newest = max((entry.path for entry in days if DAY_FOLDER.fullmatch(entry.path)), default="")
    if not newest:
        raise PayloadError("the dataset lists no day")
    files = decode(http.get(LIST_URL.format(folder=newest), parse=False), list[Entry])
    for entry in files:
        if entry.type == "file" and entry.path.endswith(".parquet"):
            http.get(FILE_URL.format(path=entry.path))


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A snapshot to `gpu_offers`: one row per cloud, machine, place, zone and kind of sale.

    Key: the same, with count and name of the accelerators. A row belongs to the reading of its cloud at the
    snapshot's time. CPU machines are passed over, rows the publisher marks otherwise than ok are rejected.
    Raises PayloadError when the body is not Parquet with these columns.
    """
    rows = Rows("gpu_offers")
    for number, row in enumerate(_read(body)):
        zone, is_spot, quality = row.pop("zone"), row.pop("is_spot"), row.pop("quality")
        if quality == "cpu_only":
            continue
        provider = row["provider_raw"]
        if quality != "ok" or is_spot is None:
            reason = f"the publisher marks it {quality}" if quality != "ok" else "neither spot nor not"
            rows.reject(f"row {number}", reason, reading_scope=provider, **row)
            continue
        spot = "community" if provider == "runpod" else "spot"
        kind = spot if is_spot else "on_demand"
        accelerators = f"{row['gpu_count']}x{row['gpu_raw']}"
        parts = (provider, row["instance_type"], row["region_raw"], zone, accelerators, kind)
        rows.add(
            f"row {number}",
            offer_key="/".join(part or "" for part in parts),
            reading_scope=provider,
            purchase_type=kind,
            native_price=row["usd_per_hour"],
            **row,
        )
    return {"gpu_offers": rows}


def _read(body: bytes) -> list[dict[str, Any]]:
    if not (body.startswith(MAGIC) and body.endswith(MAGIC)):
        raise PayloadError(f"not Parquet; the body starts {body[:60]!r}")
    try:
        # polars' own reader aborts the process on some damaged files (1.44); Arrow's raises.
        return pl.read_parquet(io.BytesIO(body), use_pyarrow=True).select(**COLUMNS).rows(named=True)
    except DAMAGED as error:
        raise PayloadError(f"damaged Parquet, or one with other columns: {error}") from error
