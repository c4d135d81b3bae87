"""Azure retail prices: list, spot and committed prices of GPU machines in every region.

Publisher: Microsoft, https://prices.azure.com/api/retail/prices (no key; API version 2023-01-01-preview, the
only one with savings plans). USD per machine and hour, 1,000 meters a page. Seen 2026-11: Linux and Windows
meters differ in productName alone, which ends in " Windows" or " Win"; a reservation's price is that of the
whole term although its unit says "1 Hour"; meters at 0 are not yet on sale; GPU counts are nowhere in it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://prices.azure.com/api/retail/prices"
API_VERSION = "2023-01-01-preview"
FAMILIES = ("H100", "H200", "A100", "ND96asr_v4", "GB200", "GB300", "MI300X", "T4_v3")
"""Texts in armSkuName, each asked for by itself over all regions: one or two pages instead of 150."""
SIZES = {
    1: "NC40ads_H100_v5 NC24ads_A100_v4 NC4as_T4_v3 NC8as_T4_v3 NC16as_T4_v3",
    2: "NC80adis_H100_v5 NC48ads_A100_v4",
    4: "NC96ads_A100_v4 NC64as_T4_v3 ND128isr_NDR_GB200_v6 ND128isr_GB300_v6",
    8: "ND96isr_H100_v5 ND96isr_H200_v5 ND96amsr_A100_v4 ND96asr_v4 ND96isr_MI300X_v5 ND96is_MI300X_v5",
}
GPU_COUNTS = {f"Standard_{size}": count for count, sizes in SIZES.items() for size in sizes.split()}
"""GPUs per machine: learn.microsoft.com/azure/virtual-machines/sizes/gpu-accelerated, as of 2026-09."""
TERM_MONTHS = {"1 Year": 12, "3 Years": 36, "5 Years": 60}
HOURS_PER_MONTH = 730
"""Twelve make the 8,760 hours of a year."""
TERM_TOTALS_USD = (500, 100_000_000)
"""A year of the smallest GPU machine costs thousands; less is an hourly rate."""
OTHER_PRODUCT = re.compile(r" Win(dows)?$|Cloud ?Services|Dedicated|CycleCloud")
"""In productName: what is not a Linux machine by the hour."""


class SavingsPlan(msgspec.Struct):
    term: str
    retailPrice: Decimal


class Meter(msgspec.Struct):
    armSkuName: str
    armRegionName: str
    retailPrice: Decimal
    currencyCode: str
    unitOfMeasure: str
    type: str
    productName: str
    meterName: str
    skuName: str = ""
    effectiveStartDate: datetime | None = None
    reservationTerm: str | None = None
    isPrimaryMeterRegion: bool = True
    savingsPlan: list[SavingsPlan] = []


class Page(msgspec.Struct):
    Items: list[msgspec.Raw]
    NextPageLink: str | None = None


def fetch(http: Http) -> None:
    """Every page of every family."""
    for family in FAMILIES:
        wanted = f"serviceName eq 'Virtual Machines' and contains(armSkuName, '{family}')"
        params = {"api-version": API_VERSION, "meterRegion": "'primary'", "$filter": wanted}
        page = decode(http.get(URL, params=params, scope=family), Page)
        while page.NextPageLink:
            page = decode(http.get(page.NextPageLink, scope=family), Page)


def parse(body: bytes, context: Context) -> Parsed:
    """A page to `gpu_offers`: one row per machine, region and kind of sale or commitment.

    Key: machine, region and kind: on demand, spot, and per term reservation or savings plan. Reservations are
    spread over their term's hours. Passed over: meters of Windows, Dev/Test, whole hosts and Batch (Low
    Priority, in retirement). Raises PayloadError when the body is not a page.
    """
    rows = Rows("gpu_offers")
    for position, meter, reason in decode_each(decode(body, Page).Items, Meter):
        if meter is None:
            rows.reject(f"Items/{position}", reason)
            continue
        label = f"{meter.skuName} {meter.meterName}"
        is_other = OTHER_PRODUCT.search(meter.productName) or "Low Priority" in label
        if is_other or meter.type not in ("Consumption", "Reservation") or not meter.isPrimaryMeterRegion:
            continue
        known = {
            "provider_raw": "azure",
            "gpu_raw": meter.armSkuName,
            "gpu_count": GPU_COUNTS.get(meter.armSkuName),
            "instance_type": meter.armSkuName,
            "region_raw": meter.armRegionName,
            "currency": meter.currencyCode,
            "effective_from": meter.effectiveStartDate,
        }
        if fault := _fault(meter, context.observed_at):
            rows.reject(f"Items/{position}", fault, usd_per_hour=meter.retailPrice, **known)
            continue
        machine = f"{meter.armSkuName}/{meter.armRegionName}"
        for kind, purchase_type, months, price in _prices(meter, is_spot="Spot" in label):
            rows.add(
                f"Items/{position}/{kind}",
                offer_key=f"{machine}/{kind}",
                purchase_type=purchase_type,
                commitment_months=months,
                usd_per_hour=price,
                native_price=price,
                **known,
            )
    return {"gpu_offers": rows}


def _fault(meter: Meter, observed_at: datetime) -> str:
    if meter.armSkuName not in GPU_COUNTS:
        return "the number of GPUs of this machine is not known"
    if meter.currencyCode != "USD" or meter.unitOfMeasure != "1 Hour":
        return f"not USD per hour: {meter.currencyCode} per {meter.unitOfMeasure}"
    if (start := meter.effectiveStartDate) and start.replace(tzinfo=start.tzinfo or UTC) > observed_at:
        return f"holds only from {start:%Y-%m-%d}"
    if meter.type == "Reservation":
        if meter.reservationTerm not in TERM_MONTHS:
            return f"unknown term {meter.reservationTerm!r}"
        if not TERM_TOTALS_USD[0] <= meter.retailPrice <= TERM_TOTALS_USD[1]:
            return "not the total of a whole term"
    return ""


def _prices(meter: Meter, is_spot: bool) -> list[tuple[str, str, int | None, Decimal]]:
    """(kind, purchase type, months, USD per hour) of each way to buy that one meter states."""
    if meter.type == "Reservation":
        months = TERM_MONTHS[meter.reservationTerm or ""]
        hourly = round(meter.retailPrice / (months * HOURS_PER_MONTH), 9)
        return [(f"reservation{months}", "reserved", months, hourly)]
    kind = "spot" if is_spot else "on_demand"
    plans = [
        (f"savings_plan{TERM_MONTHS[plan.term]}", "reserved", TERM_MONTHS[plan.term], plan.retailPrice)
        for plan in meter.savingsPlan
        if plan.term in TERM_MONTHS
    ]
    return [(kind, kind, None, meter.retailPrice), *plans]
