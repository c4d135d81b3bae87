"""A million marketplace offers from archived bytes to checked Parquet, against DuckDB's own reader and dlt.

The offers have the vendor's documented fields with made-up values; they are for timing only.
"""

from __future__ import annotations

import json
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from bench.table import Row, stopwatch
from pipeline.loading import load
from pipeline.registry import find_source
from warehouse.archive import Archive, Exchange, Fetch
from warehouse.lake import Lake

OFFERS_PER_BODY = 100_000
BODIES = 10
MOST_TIMES_DUCKDB = 2.0
LEAST_TIMES_FASTER_THAN_DLT = 20.0


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        bodies = [_body(number) for number in range(BODIES)]
        ours = _ours(home / "all", bodies)
        ours_part = _ours(home / "part", bodies[:1])
        theirs = _duckdb(home, bodies)
        dlt_seconds = _dlt(home, bodies[0])
    return [
        Row(
            f"{BODIES * OFFERS_PER_BODY:,} offers: load",
            ours,
            "DuckDB read_json + write",
            theirs,
            MOST_TIMES_DUCKDB,
        ),
        Row(
            f"{OFFERS_PER_BODY:,} offers: load",
            ours_part,
            "plain dlt load into DuckDB",
            dlt_seconds,
            LEAST_TIMES_FASTER_THAN_DLT,
            at_least=True,
        ),
    ]


def _ours(home: Path, bodies: list[bytes]) -> float:
    archive, lake = Archive(home / "raw"), Lake(home / "lake")
    lake.prepare()
    now = datetime.now(UTC)
    exchanges = [
        Exchange(
            method="POST",
            url="https://console.vast.ai/api/v0/bundles/",
            attempt=1,
            fetched_at=now,
            request_body='{"type": "on-demand"}',
            status=200,
            sha256=archive.put(body),
            body_bytes=len(body),
            scope="on-demand",
            is_data=True,
        )
        for body in bodies
    ]
    fetch = Fetch("vastai", now, now, "complete", exchanges)
    with stopwatch() as watch:
        result = load(fetch, find_source("vastai"), archive, lake)
    expected = OFFERS_PER_BODY * len(bodies)
    if result.rows != expected:
        raise RuntimeError(f"{result.rows} of {expected} offers arrived: {result}")
    return watch.seconds


def _duckdb(home: Path, bodies: list[bytes]) -> float:
    files = []
    for number, body in enumerate(bodies):
        files.append(home / f"{number}.json")
        files[-1].write_bytes(body)
    with duckdb.connect() as connection, stopwatch() as watch:
        connection.execute(
            "copy (select unnest(offers, recursive := true) "
            f"from read_json({[str(file) for file in files]}, maximum_object_size = 1000000000)) "
            f"to '{home}/duckdb.parquet' (format parquet, compression zstd)"
        )
    return watch.seconds


def _dlt(home: Path, body: bytes) -> float:
    import dlt

    offers = json.loads(body)["offers"]
    pipeline = dlt.pipeline(
        "bench_offers",
        pipelines_dir=str(home / "dlt"),
        destination=dlt.destinations.duckdb(str(home / "dlt.duckdb")),
    )
    with stopwatch() as watch:
        pipeline.run(offers, table_name="offers")
    return watch.seconds


def _body(number: int) -> bytes:
    draw = random.Random(number)
    first = number * OFFERS_PER_BODY
    return json.dumps(
        {"offers": [_offer(first + position, draw) for position in range(OFFERS_PER_BODY)]}
    ).encode()


def _offer(offer_id: int, draw: random.Random) -> dict[str, Any]:
    gpu_count = draw.choice((1, 2, 4, 8))
    usd_per_hour = round(draw.uniform(0.2, 3.5) * gpu_count, 16)
    return {
        "id": offer_id,
        "ask_contract_id": offer_id,
        "machine_id": offer_id,
        "host_id": draw.randrange(20_000),
        "gpu_name": draw.choice(("H100 SXM", "H100 NVL", "A100 SXM4", "RTX 4090", "RTX 5090", "L40S")),
        "num_gpus": gpu_count,
        "gpu_ram": 81_559,
        "gpu_total_ram": 81_559 * gpu_count,
        "gpu_frac": 1.0,
        "gpu_lanes": 16,
        "gpu_mem_bw": 2_600.4,
        "dph_base": usd_per_hour,
        "dph_total": usd_per_hour + 0.0009259259259259,
        "discounted_dph_total": usd_per_hour + 0.0009259259259259,
        "min_bid": round(usd_per_hour * 0.6, 16),
        "storage_cost": 0.15,
        "storage_total_cost": 0.0009259259259259,
        "inet_up": 912.3,
        "inet_down": 881.7,
        "inet_up_cost": 0.002,
        "inet_down_cost": 0.002,
        "geolocation": draw.choice(("Texas, US", "Quebec, CA", "Czechia, CZ", None)),
        "reliability2": 0.9981,
        "verification": "verified",
        "rentable": True,
        "rented": False,
        "external": None,
        "hosting_type": 1,
        "cpu_name": "AMD EPYC 9554 64-Core Processor",
        "cpu_cores": 128,
        "cpu_cores_effective": 32.0,
        "cpu_ram": 515_712,
        "cpu_ghz": 3.1,
        "disk_space": 1_607.875,
        "disk_bw": 2_545.294,
        "disk_name": "SAMSUNG MZQL27T6HBLA",
        "driver_version": "570.86.15",
        "cuda_max_good": 12.8,
        "dlperf": 403.1,
        "dlperf_per_dphtotal": 171.3,
        "duration": 13_356_528.56,
        "start_date": 1_747_000_000.0,
        "end_date": 1_779_000_000.0,
    }
