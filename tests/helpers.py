"""A small price list that stands in for a vendor, and an independent judge of observation rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl

from pipeline.http import Http
from pipeline.parsing import Context, Parsed, Rows, decode
from pipeline.registry import Source, SourceModule
from warehouse.contracts import Contract, Provenance
from warehouse.settings import Settings

OBSERVED_AT = datetime(2026, 6, 1, 6, tzinfo=UTC)
RECORDED_AT = datetime(2026, 6, 1, 7, tzinfo=UTC)
LIST_URL = "https://prices.example/list.json"


def quick_settings(home: Path, mirror_url: str = "", **others: object) -> Settings:
    """Data below ``home``; no waiting for the sake of politeness."""
    quick: dict[str, Any] = {"requests_per_second": 1000, "retry_pause_seconds": 0.01, "timeout_seconds": 5}
    return Settings(home=home, mirror_url=mirror_url, **{**quick, **others})


def provenance(**changes: Any) -> Provenance:
    known: dict[str, Any] = {
        "source_id": "price_list",
        "observed_at": OBSERVED_AT,
        "recorded_at": RECORDED_AT,
        "evidence": "polled",
        "payload_object": "sha256:00ff",
        "parser_version": 1,
    }
    return Provenance(**{**known, **changes})


def price_list(**usd_per_hour: str | None) -> bytes:
    """The stand-in vendor's payload: what each offer costs."""
    return json.dumps({"offers": [{"key": key, "usd": usd} for key, usd in usd_per_hour.items()]}).encode()


def parse_price_list(body: bytes, context: Context) -> Parsed:
    """Its parser: one row of `gpu_offers` per offer; an offer may name its day and its reading scope."""
    del context
    rows = Rows("gpu_offers")
    for position, offer in enumerate(decode(body, dict[str, list[dict[str, Any]]])["offers"]):
        stated = {name: offer[name] for name in ("observed_at", "reading_scope") if name in offer}
        rows.add(f"offers/{position}", **gpu_offer(offer["key"], usd_per_hour=offer["usd"]), **stated)
    return {"gpu_offers": rows}


def fetch_price_list(http: Http) -> None:
    http.get(LIST_URL)


def gpu_offer(offer_key: str = "a", **changes: Any) -> dict[str, Any]:
    """The values every GPU offer needs: one H100 at 2.00 USD per hour."""
    known = {
        "offer_key": offer_key,
        "provider_raw": "Some Cloud",
        "gpu_raw": "H100",
        "gpu_count": 1,
        "purchase_type": "on_demand",
        "usd_per_hour": "2.00",
    }
    return {**known, **changes}


def token_price(**changes: Any) -> dict[str, Any]:
    """The values every token price needs: 3.00 USD per million input tokens."""
    known = {"host_raw": "host", "model_raw": "model", "component": "input", "usd_amount": "3.00"}
    return {**known, **changes}


@dataclass(frozen=True)
class StandIn(Source):
    """A source whose module lives in a test."""

    stand_in: Any = field(default=None, compare=False)

    @property
    def module(self) -> SourceModule:
        return cast(SourceModule, self.stand_in)


def stand_in(
    source_id: str = "price_list",
    fetch: Callable[[Http], None] = fetch_price_list,
    parse: Callable[[bytes, Context], Parsed] = parse_price_list,
    parser_version: int = 1,
    contracts: tuple[str, ...] = ("gpu_offers",),
) -> Source:
    return StandIn(
        source_id=source_id,
        kind="live",
        contracts=contracts,
        publisher="Some Cloud",
        url="https://prices.example",
        license="none stated",
        redistribution="derived",
        cadence_days=1,
        evidence="polled",
        smallest_row_count=1,
        stand_in=SimpleNamespace(PARSER_VERSION=parser_version, fetch=fetch, parse=parse),
    )


def observations(root: Path, table: str) -> pl.DataFrame:
    """All rows of a table of a lake, files in name order."""
    files = sorted((root / table).glob("**/[!.]*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files])


def faults(contract: Contract, rows: pl.DataFrame) -> list[str]:
    """What is wrong with rows that claim to keep a contract. Shares no code with `conform`."""
    found: list[str] = []
    if rows.schema != pl.Schema(contract.schema):
        found.append(f"schema: {rows.schema}")
    declared = {column.name: column for column in contract.columns}
    seen: set[tuple[Any, ...]] = set()
    for row in rows.iter_rows(named=True):
        for name, column in declared.items():
            value = row[name]
            if value is None:
                if column.required:
                    found.append(f"{name} is missing")
                continue
            if column.required and isinstance(value, str) and not value.strip():
                found.append(f"{name} is empty")
            if column.allowed and value not in column.allowed:
                found.append(f"{name} is {value}")
            if isinstance(value, float) and not math.isfinite(value):
                found.append(f"{name} is {value}")
            if column.above is not None and not value > column.above:
                found.append(f"{name} is {value}, not above {column.above}")
            if column.at_least is not None and not value >= column.at_least:
                found.append(f"{name} is {value}, below {column.at_least}")
            if column.at_most is not None and not value <= column.at_most:
                found.append(f"{name} is {value}, above {column.at_most}")
        if not row["payload_ref"] or row["source_id"] is None or row["observed_at"] is None:
            found.append("not traceable")
        if contract.name == "gpu_offers":
            if row["usd_per_hour"] is None and row["native_price"] is None:
                found.append("no price")
            if row["purchase_type"] == "reserved" and row["commitment_months"] is None:
                found.append("reserved without a term")
        if contract.name == "throughput" and not any(row[name] for name in row if name.endswith("per_gpu")):
            found.append("no rate of tokens")
        if contract.name == "token_prices" and (row["usd_amount"] == 0) != row["is_free"]:
            found.append(f"usd_amount {row['usd_amount']} with is_free {row['is_free']}")
        key = tuple(row[name] for name in ("reading_scope", "observed_at", *contract.key))
        if key in seen:
            found.append(f"twice: {key}")
        seen.add(key)
    return found
