"""Amazon Bedrock price list: tokens of some hundred models, by region, service tier and routing.

Publisher: Amazon Web Services, https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/, offers
AmazonBedrock, AmazonBedrockFoundationModels and AmazonBedrockService. Keyless JSON files, one per offer and
region, changes weekly; no licence for the data is stated. What a price is for stands in `usagetype` alone.
Read from clients of 2026: marketplace models (Claude) are priced per million tokens and named by
`servicename`, the others mostly per thousand and named by `model`; many models stand twice, as a name
("Qwen3 32B") and as an id (qwen.qwen3-32b, before "-mantle-"); requests routed worldwide ("global") are a
tenth cheaper than those kept in a region; the length from which a long-context price applies is not stated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{offer}/current/{region}/index.json"
OFFERS = ("AmazonBedrockFoundationModels", "AmazonBedrock", "AmazonBedrockService")
REGIONS = ("us-east-1", "eu-central-1")
"""The first also speaks for worldwide routing, which costs the same from everywhere."""
EDITION = " (Amazon Bedrock Edition)"
UNITS = {"1k tokens": 1000, "1m tokens": 1}
"""Unit of a price to the factor that makes it USD per million tokens."""
PREFIX = re.compile(r"^[A-Z]{2,4}\d?-(MP:[A-Z0-9]+_)?")
"""Region of the bill, and of the marketplace once more."""
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
USAGE = re.compile(
    r"(?P<batch>(?:^|-)(?:million-)?batch)?(?:^|-)(?:million-)?"
    r"(?P<kind>cache-read|cache-write|input|output)-?(?P<life>\d+[mh])?(?:-input)?"
    r"(?:-(?P<medium>text|image|audio|video|speech|document))?-token(?:s|-count)(?P<rest>(?:-[a-z0-9]+)*)$"
)
"""In a usagetype without its prefix, in lower case with dashes: what is billed, and how."""
COMPONENTS = {
    ("input", "text"): "input",
    ("output", "text"): "output",
    ("cache-read", "text"): "cache_read",
    ("cache-write", "text"): "cache_write",
    ("input", "audio"): "input_audio",
    ("output", "audio"): "output_audio",
}
"""(kind, medium) to component; images, video and documents are passed over."""
TIERS = ("standard", "batch", "flex", "priority")
SILENT = frozenset({"cross", "region", "5m", "30m", "units"})
"""Words of a usagetype that change nothing; a cache kept for minutes is the ordinary one."""
OTHER_GOODS = frozenset({"1h", "write1h", "custom", "customization", "latency", "reserved", "tpm"})
"""Words of an hour's cache, of customised models and of machines set apart: passed over."""
LONG = frozenset({"long", "ctx", "context"})


class Product(msgspec.Struct):
    attributes: dict[str, str]


class Dimension(msgspec.Struct):
    unit: str
    pricePerUnit: dict[str, str]


class Term(msgspec.Struct):
    priceDimensions: dict[str, Dimension]
    effectiveDate: datetime | None = None


class Terms(msgspec.Struct):
    OnDemand: dict[str, msgspec.Raw]


class Offer(msgspec.Struct):
    products: dict[str, msgspec.Raw]
    terms: Terms


class Usage(NamedTuple):
    """What a usagetype says. ``fault`` tells why its price is not to be used."""

    component: str
    service_tier: str
    routing: str
    fault: str


def fetch(http: Http) -> None:
    """Every offer of every region."""
    for region in REGIONS:
        for offer in OFFERS:
            http.get(URL.format(offer=offer, region=region), scope=region)


def parse(body: bytes, context: Context) -> Parsed:
    """One offer of one region to `token_prices`: a row per model, routing, service tier and component.

    Key: host (amazon-bedrock/<region>, or amazon-bedrock/global), model name or id, component and tier; USD
    per million tokens. Passed over: prices by the hour, image or request, media but audio, the one-hour
    cache, customised models, worldwide routing outside the first region. Rejected: unknown words in a
    usagetype, unknown units of tokens, long-context prices, prices of a later day. Raises PayloadError when
    the body is not such an offer.
    """
    offer, rows = decode(body, Offer), Rows("token_prices")
    region = context.scope or REGIONS[0]
    products = decode_each(offer.products.values(), Product)
    for sku, (_, product, reason) in zip(offer.products, products, strict=True):
        if product is None:
            rows.reject(sku, reason)
            continue
        usagetype = product.attributes.get("usagetype", "")
        usage, model = _usage(usagetype), _model(product.attributes, usagetype)
        if usage is None or (usage.routing == "global" and region != REGIONS[0]):
            continue
        place = {"global": "global", "geo": f"{region}-geo"}.get(usage.routing, region)
        known = {
            "host_raw": f"amazon-bedrock/{place}",
            "model_raw": model,
            "component": usage.component,
            "service_tier": usage.service_tier,
        }
        for term, dimension, unread in _prices(offer, sku):
            if term is None or dimension is None:
                rows.reject(sku, unread, **known)
                continue
            if "token" not in dimension.unit.lower():
                continue
            amount = decimal(dimension.pricePerUnit.get("USD", ""))
            factor = UNITS.get(dimension.unit.lower())
            fault = usage.fault or _fault(term, dimension, amount, factor, context.observed_at)
            if fault or amount is None or factor is None:
                rows.reject(sku, f"{fault}: {usagetype}", **known, usd_amount=amount)
            else:
                rows.add(sku, **known, usd_amount=amount * factor, effective_from=term.effectiveDate)
    return {"token_prices": rows}


def _usage(usagetype: str) -> Usage | None:
    """What is billed; None where it is not tokens of a model as its maker left it."""
    plain = HUMP.sub("-", PREFIX.sub("", usagetype)).replace("_", "-").lower()
    found = USAGE.search(plain)
    if not found:
        return None
    words = [word for word in (found["life"], *found["rest"].split("-")) if word]
    component = COMPONENTS.get((found["kind"], found["medium"] or "text"))
    if component is None or OTHER_GOODS & set(plain.split("-")):
        return None
    tiers = [word for word in words if word in TIERS]
    tier = "batch" if found["batch"] else (tiers or ["standard"])[0]
    routing = next((word for word in words if word in ("global", "geo")), "")
    unknown = [word for word in words if word not in {*TIERS, *SILENT, *LONG, "global", "geo"}]
    fault = ""
    if unknown:
        fault = f"unknown word {unknown[0]!r} in the usagetype"
    elif LONG & set(words):
        fault = "the prompt length from which it applies is not stated"
    return Usage(component, tier, routing, fault)


def _model(attributes: dict[str, str], usagetype: str) -> str | None:
    """The id where the usagetype holds one, else the model's name."""
    if "-mantle-" in usagetype:
        return PREFIX.sub("", usagetype).partition("-mantle-")[0]
    return attributes.get("model") or attributes.get("servicename", "").removesuffix(EDITION) or None


def _prices(offer: Offer, sku: str) -> Iterator[tuple[Term | None, Dimension | None, str]]:
    """Term and price of every dimension of a product, or why they cannot be read."""
    raw = [offer.terms.OnDemand[sku]] if sku in offer.terms.OnDemand else []
    for _, terms, reason in decode_each(raw, dict[str, Term]):
        for term in (terms or {}).values():
            for dimension in term.priceDimensions.values():
                yield term, dimension, ""
        if terms is None:
            yield None, None, reason


def _fault(
    term: Term, dimension: Dimension, amount: Decimal | None, factor: int | None, now: datetime
) -> str:
    if amount is None or factor is None:
        return f"not USD per thousand or million tokens: {dimension.pricePerUnit} per {dimension.unit}"
    if amount == 0:
        return "0 is not stated to be free"
    if term.effectiveDate and (term.effectiveDate.tzinfo is None or term.effectiveDate > now):
        return f"holds only from {term.effectiveDate:%Y-%m-%d}"
    return ""
