"""Oracle Cloud price list: what one GPU of each kind costs per hour, the same in every region.

Publisher: Oracle, https://apexapps.oracle.com/pls/apex/cetools/api/v1/products/ (no key, no licence stated);
one page, list prices that seldom move. Seen 2026-06 to 2026-08: GB200 (B110979) and B200 (B110978) are easily
confused, so the display name is kept whole; what part B109480 is ("H100T", 10.75 beside H100's 10) was not
established; preemptible machines cost half of this by published rule, which is not a price on this list.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://apexapps.oracle.com/pls/apex/cetools/api/v1/products/"
CATEGORY = "Compute - GPU"
METRIC = "GPU Per Hour"
MODEL = "PAY_AS_YOU_GO"


class Price(msgspec.Struct):
    model: str
    value: Decimal


class Localization(msgspec.Struct):
    currencyCode: str
    prices: list[Price]


class Product(msgspec.Struct):
    """The fields read of one product of the GPU category."""

    partNumber: str
    displayName: str
    metricName: str
    currencyCodeLocalizations: list[Localization]


class Category(msgspec.Struct):
    serviceCategory: str | None = None


class Answer(msgspec.Struct):
    items: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL, params={"currencyCode": "USD"})


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The price list to `gpu_offers`: one row per part that is billed by GPU and hour; gpu_count is 1.

    Key: part number. The accelerator is the display name. Products of other categories and other meters
    are passed over. Raises PayloadError when the answer is not JSON with an `items` list.
    """
    rows = Rows("gpu_offers")
    items = decode(body, Answer).items
    numbers = []
    for number, category, reason in decode_each(items, Category):
        if category is None:
            rows.reject(f"items/{number}", reason)
        elif category.serviceCategory == CATEGORY:
            numbers.append(number)
    products = decode_each((items[number] for number in numbers), Product)
    for number, (_, product, reason) in zip(numbers, products, strict=True):
        if product is None:
            rows.reject(f"items/{number}", reason)
        elif product.metricName == METRIC:
            _add(rows, f"items/{number}", product)
    return {"gpu_offers": rows}


def _add(rows: Rows, position: str, product: Product) -> None:
    known = {
        "provider_raw": "oci",
        "gpu_raw": product.displayName,
        "gpu_count": 1,
        "instance_type": product.partNumber,
        "purchase_type": "on_demand",
    }
    prices = [
        price.value
        for localization in product.currencyCodeLocalizations
        if localization.currencyCode == "USD"
        for price in localization.prices
        if price.model == MODEL
    ]
    if len(prices) != 1:
        rows.reject(position, f"{len(prices)} pay-as-you-go prices in USD where one belongs", **known)
        return
    rows.add(
        position,
        offer_key=product.partNumber,
        usd_per_hour=prices[0],
        native_price=prices[0],
        **known,
    )
