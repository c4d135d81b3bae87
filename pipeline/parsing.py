"""What every parser needs and no parser should write again: typed decoding of payload bytes.

Pure: no network, clock, disk or environment. A payload that is not what the source serves raises
PayloadError; a row that is not what the source documents becomes a reject with its position and reason.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import polars as pl

from pipeline.errors import PayloadError
from warehouse.contracts import CONTRACTS, MONEY

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

T = TypeVar("T")

LARGEST_EXPONENT = 30
"""Power of ten beyond every price and count; 1e999999999 as an integer would fill the memory."""


@dataclass(frozen=True)
class Context:
    """What a parser may know beside the bytes."""

    source_id: str
    observed_at: datetime
    url: str = ""
    request_body: str = ""
    scope: str = ""
    """Reading scope the fetch gave this payload: a provider or file; empty for the whole source."""
    path: str = ""
    """Path inside the published repository, when a file version is replayed."""


@dataclass
class Rows:
    """Collects a contract's rows and rejects in payload order, then becomes one frame."""

    contract: str
    _rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, position: str | int, **values: Any) -> None:
        self._rows.append({"payload_position": str(position), **values})

    def reject(self, position: str | int, reason: str, **values: Any) -> None:
        self._rows.append({"payload_position": str(position), "reject_reason": reason, **values})

    def extend(
        self, version: Rows, payload_object: str, seen_from: datetime, seen_until: datetime, scope: str = ""
    ) -> None:
        """Take over the rows of one version. Rows that state their own observed_at or scope keep them."""
        seen = {"observed_at": seen_from, "observed_until": seen_until}
        for row in version._rows:
            times = {} if "observed_at" in row else seen
            known = {"payload_object": payload_object, "reading_scope": scope}
            self._rows.append({**known, **times, **row})

    def frame(self) -> pl.DataFrame:
        """The rows as warehouse.contracts.conform takes them. Money stays exact: Decimals travel as text."""
        schema = CONTRACTS[self.contract].schema
        names = dict.fromkeys(name for row in self._rows for name in row)
        return pl.DataFrame(
            [_series(name, [row.get(name) for row in self._rows], schema.get(name)) for name in names]
        )


Parsed = Mapping[str, Rows]
"""Contract name to rows: what every parser returns."""


def decode(body: bytes, shape: type[T]) -> T:
    """Decode a JSON payload into ``shape``. Raises PayloadError saying what came instead."""
    _require_content(body)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise PayloadError(f"the JSON has another shape: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"not JSON: {error}; the body starts {_start(body)}") from error


def decode_each(raws: Iterable[msgspec.Raw], shape: type[T]) -> Iterator[tuple[int, T | None, str]]:
    """Decode rows one by one: (position, row, "") for good ones, (position, None, reason) for bad ones."""
    decoder = msgspec.json.Decoder(shape)
    for position, raw in enumerate(raws):
        try:
            yield position, decoder.decode(raw), ""
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield position, None, str(error)


def read_csv(body: bytes, required: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row by header) of a CSV payload. Raises PayloadError when a required column is missing.

    Line numbers count from 1 and include the header, so they can be found in the file.
    """
    _require_content(body)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PayloadError(f"not UTF-8 text: {error}") from error
    if text.lstrip()[:1] in ("<", "{"):
        raise PayloadError(f"not CSV; the body starts {_start(body)}")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        missing = set(required) - set(reader.fieldnames or ())
        if missing:
            raise PayloadError(
                f"the CSV has no column {', '.join(sorted(missing))}; it has {reader.fieldnames}"
            )
        for row in reader:
            yield reader.line_num, {name: value for name, value in row.items() if isinstance(value, str)}
    except csv.Error as error:
        raise PayloadError(f"not CSV at line {reader.line_num}: {error}") from error


def read_html(body: bytes) -> BeautifulSoup:
    """A page as a tree. Raises PayloadError when the body is no HTML page."""
    from bs4 import BeautifulSoup
    from bs4.exceptions import ParserRejectedMarkup

    start = body.lstrip()
    if not start.startswith(b"<") or start.startswith(b"<?xml"):
        raise PayloadError(f"not an HTML page; the body starts {_start(body)}")
    try:
        return BeautifulSoup(body, "html.parser")
    except ParserRejectedMarkup as error:
        raise PayloadError(f"not an HTML page: {error}") from error


def decimal(text: str) -> Decimal | None:
    """A decimal from a vendor's text (`$` and thousands commas allowed), or None where it is none.

    Infinite, undefined and absurdly large or small ones are none: see LARGEST_EXPONENT.
    """
    try:
        value = Decimal(text.strip().removeprefix("$").replace(",", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) <= LARGEST_EXPONENT else None


def usd_per_mtok(usd_per_token: Decimal) -> Decimal:
    """USD per token to USD per million tokens, exactly."""
    return usd_per_token * 1_000_000


def _series(name: str, values: list[Any], dtype: Any) -> pl.Series:
    """One column. Values that do not fit its type travel as text, for `conform` to judge one by one."""
    if dtype == MONEY and any(isinstance(value, float) for value in values):
        raise TypeError(f"{name} is money and came as float; hand over the vendor's text or a Decimal")
    # A number for a date would be taken for days or microseconds since 1970.
    foreign = (str, Decimal, int, float) if dtype is not None and dtype.is_temporal() else (str, Decimal)
    if dtype is not None and not any(isinstance(value, foreign) for value in values):
        try:
            return pl.Series(name, values, dtype)
        except (TypeError, OverflowError, pl.exceptions.InvalidOperationError):
            pass
    return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)


def _require_content(body: bytes) -> None:
    if not body.strip():
        raise PayloadError("the body is empty")
    if body.lstrip()[:1] == b"<":
        raise PayloadError(f"markup where data belongs; the body starts {_start(body)}")


def _start(body: bytes) -> str:
    return repr(body[:60].decode("utf-8", "replace"))
