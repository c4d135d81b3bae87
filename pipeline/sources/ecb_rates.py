"""ECB euro reference rates: the day's exchange rates, to read prices quoted in other currencies than USD.

Publisher: European Central Bank, https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml, free reuse
with source stated. Some thirty currencies, set at about 14:15 and published at 16:00 CET on working days; a
rate is units of the currency per euro. Weekends and holidays repeat the last working day's file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def fetch(http: Http) -> None:
    """The day's file, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The file to `fx_rates`: one row per currency and day.

    Key: currency and rate_date; `units_per_eur` is the rate as published. Raises PayloadError
    when the body is not XML with dated cubes of rates.
    """
    rows = Rows("fx_rates")
    try:
        envelope = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError) as error:
        raise PayloadError(f"not XML: {error}; the body starts {body[:60]!r}") from error
    days = [cube for cube in envelope.iter(CUBE) if DAY.fullmatch(cube.get("time", ""))]
    if not days or not any(len(day) for day in days):
        raise PayloadError("the XML holds no dated Cube with rates")
    for day in days:
        for cube in day.iter(CUBE):
            if cube is day:
                continue
            position = f"{day.get('time')}/{cube.get('currency')}"
            known = {"currency": cube.get("currency"), "rate_date": day.get("time")}
            rate = decimal(cube.get("rate", ""))
            if rate is None:
                rows.reject(position, f"not a rate: {cube.get('rate')}", **known)
            else:
                rows.add(position, **known, units_per_eur=rate)
    return {"fx_rates": rows}
