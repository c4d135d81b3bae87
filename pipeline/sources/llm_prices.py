"""llm-prices: list prices of the makers' own interfaces, with the days from and until which each held.

Publisher: Simon Willison, https://www.llm-prices.com, repository simonw/llm-prices; no licence is stated.
Some 150 models of eleven makers, kept by hand, changes every few weeks. Quirks: a price without from_date
held since the launch, on a day not given; to_date is the first day it no longer held; the band of long
prompts is an id of its own ("grok-4-128k" beside "grok-4"); an id may stand twice with one price; two
versions of the repository are not JSON (2025-10-15, 2026-04-24).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/simonw/llm-prices"
HISTORY_PATHS = ("data",)
URL = "https://www.llm-prices.com/historical-v1.json"
COMPONENTS = {"input": "input", "output": "output", "input_cached": "cache_read"}
LONG_CONTEXT = re.compile(r"(?P<model>.+)-(?P<thousands>\d{2,4})k")
"""Id of a band of long prompts. Only where the id without its tail is listed too: gpt-4-32k is a model."""


class Price(msgspec.Struct):
    """USD per million tokens. ``to_date`` is exclusive."""

    input: Decimal | None = None
    output: Decimal | None = None
    input_cached: Decimal | None = None
    from_date: date | None = None
    to_date: date | None = None


class Entry(Price, kw_only=True):
    """One price of one model."""

    id: str
    vendor: str


class Answer(msgspec.Struct):
    prices: list[msgspec.Raw]


class Listed(msgspec.Struct):
    id: str
    price_history: list[Price]


class VendorFile(msgspec.Struct):
    vendor: str
    models: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """All makers, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The historical file, or with ``context.path`` one maker's file of the repository, to `token_prices`.

    One row per maker, model, component and prompt length band: the price in force at the reading, with the
    days it holds from and until. Rejected: prices of other days, 0. Raises PayloadError when the body is not
    of this shape.
    """
    rows = Rows("token_prices")
    entries = list(_read_file(body) if context.path else _read(body))
    ids = {(entry.vendor, entry.id) for _, entry, _ in entries if entry}
    for position, entry, reason in entries:
        if entry is None:
            rows.reject(position, reason)
            continue
        known = {"host_raw": entry.vendor, "model_raw": entry.id, "min_context_tokens": 0}
        band = LONG_CONTEXT.fullmatch(entry.id)
        if band and (entry.vendor, band["model"]) in ids:
            known |= {"model_raw": band["model"], "min_context_tokens": int(band["thousands"]) * 1000}
        if fault := _fault(entry, context.observed_at.date()):
            rows.reject(position, fault, **known, usd_amount=entry.input)
            continue
        for key, component in COMPONENTS.items():
            amount: Decimal | None = getattr(entry, key)
            if amount is not None:
                rows.add(
                    f"{position}/{key}",
                    **known,
                    component=component,
                    usd_amount=amount,
                    effective_from=_midnight(entry.from_date),
                    effective_to=_midnight(entry.to_date),
                )
    return {"token_prices": rows}


def _read(body: bytes) -> Iterator[tuple[str, Entry | None, str]]:
    for position, entry, reason in decode_each(decode(body, Answer).prices, Entry):
        yield f"prices/{position}", entry, reason


def _read_file(body: bytes) -> Iterator[tuple[str, Entry | None, str]]:
    file = decode(body, VendorFile)
    for position, model, reason in decode_each(file.models, Listed):
        if model is None:
            yield f"models/{position}", None, reason
            continue
        for number, price in enumerate(model.price_history):
            entry = Entry(id=model.id, vendor=file.vendor, **msgspec.structs.asdict(price))
            yield f"models/{position}/{number}", entry, ""


def _fault(entry: Entry, day: date) -> str:
    if entry.from_date and entry.from_date > day:
        return f"holds only from {entry.from_date}"
    if entry.to_date and entry.to_date <= day:
        return f"held until {entry.to_date}"
    return ""


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None
