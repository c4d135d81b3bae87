"""Google Cloud Billing catalogue: what the Gemini API bills, as the invoice names it.

Publisher: Google, https://cloudbilling.googleapis.com/v1 (a free API key), service "Gemini API", some 600
SKUs, one reading a day; no licence for the data is stated. Prices are units and nanos of USD per token.
What a SKU is for stands in its description alone, in several wordings ("Generate content input token count
gemini 3.5 flash text", "Generate_content text output token count for gemini 3 pro long", "GenerateContent
cached text input token count for Gemini 2.0 Flash Lite"). Seen 2026-06 in a list read by others: a batch
price is a SKU of its own; "short" and "long" do not say where they divide; live speech, embeddings and
images stand among the rest.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each, usd_per_mtok

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://cloudbilling.googleapis.com/v1/services/AEFD-7695-64FA/skus"
HOST = "google"
KEY = "AIMARKET_KEY_GCP_BILLING"
PAGE_SIZE = 5000
NANOS = Decimal("1e-9")
COUNTS = re.compile(
    r"(?P<batch>batch)? ?generate ?content (?P<before>.*?)(?P<side>input|output) token count (?:for )?"
    r"(?P<model>gemini \d+(?:\.\d+)? (?:pro|flash lite|flash 8b|flash)(?: preview| experimental)?)"
    r"(?P<after>(?: .*)?)"
)
"""A description in lower case, without underscores. Models beside Pro, Flash and Flash Lite are not read."""
TIERS = ("batch", "flex", "priority")
MEDIA = frozenset({"text", "audio", "image", "video"})
SILENT = frozenset({"input", "output", "text", "short", "cached", "caching", "audio"})
"""Words that change neither price nor component where they stand."""
OTHER_GOODS = frozenset({"tts", "live", "non"})
"""Words of speech, and of answers without thinking, whose price repeats the other or is an older one."""
BANDED = re.compile(r"when input is (?P<side>up to|over|longer than) (?P<thousands>\d{1,5})k tokens")


class Money(msgspec.Struct):
    currencyCode: str = "USD"
    units: str = "0"
    nanos: int = 0


class Rate(msgspec.Struct):
    unitPrice: Money
    startUsageAmount: float = 0


class Expression(msgspec.Struct):
    usageUnit: str
    tieredRates: list[Rate] = []


class Pricing(msgspec.Struct):
    pricingExpression: Expression


class Sku(msgspec.Struct):
    skuId: str
    description: str
    pricingInfo: list[Pricing] = []


class Page(msgspec.Struct):
    skus: list[msgspec.Raw]
    nextPageToken: str = ""


class Usage(NamedTuple):
    """What a description says; ``fault`` tells why its price is not to be used."""

    model: str
    component: str
    service_tier: str
    min_context_tokens: int
    fault: str


def fetch(http: Http) -> None:
    """Every page of the service's SKUs."""
    headers = {"X-Goog-Api-Key": http.secret(KEY)}
    token = ""
    while True:
        params: dict[str, str | int] = {"pageSize": PAGE_SIZE} | ({"pageToken": token} if token else {})
        token = decode(http.get(URL, params=params, headers=headers), Page).nextPageToken
        if not token:
            return


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """A page to `token_prices`: one row per text or audio price of Gemini Pro, Flash and Flash Lite.

    Key: model, component, service tier and first prompt length; USD per million tokens. Passed over: other
    models, image and video tokens, live speech, cache storage. Rejected: descriptions with an unknown word,
    long prompts of no stated length, tiered prices, 0. Raises PayloadError when the body is not a page.
    """
    rows = Rows("token_prices")
    for position, sku, reason in decode_each(decode(body, Page).skus, Sku):
        if sku is None:
            rows.reject(f"skus/{position}", reason, host_raw=HOST)
            continue
        usage = _usage(sku.description)
        if usage is None:
            continue
        known = {
            "host_raw": HOST,
            "model_raw": usage.model,
            "component": usage.component,
            "service_tier": usage.service_tier,
            "min_context_tokens": usage.min_context_tokens,
        }
        price, fault = _price(sku)
        if usage.fault or price is None:
            rows.reject(f"skus/{sku.skuId}", f"{usage.fault or fault}: {sku.description}", **known)
        else:
            rows.add(f"skus/{sku.skuId}", **known, usd_amount=usd_per_mtok(price))
    return {"token_prices": rows}


def _usage(description: str) -> Usage | None:
    """What a SKU bills; None where it is not tokens that a text model reads or writes."""
    text = " ".join(
        description.replace("_", " ").lower().replace("generatecontent", "generate content").split()
    )
    found = COUNTS.fullmatch(text)
    if not found:
        return None
    band = BANDED.search(found["after"])
    words = [*found["before"].split(), *BANDED.sub("", found["after"]).replace("-", " ").split()]
    media = {word for word in words if word in MEDIA} or {"text"}
    if media - {"text", "audio"} or len(media) > 1 or OTHER_GOODS & set(words):
        return None
    is_cached, is_audio = "cached" in words or "caching" in words, "audio" in media
    if is_cached and is_audio:
        return None
    component = "cache_read" if is_cached else f"{found['side']}_audio" if is_audio else found["side"]
    tier = "batch" if found["batch"] else next((word for word in words if word in TIERS), "standard")
    unknown = [word for word in words if word not in {*SILENT, *TIERS, "long"}]
    is_long = band is not None and band["side"] != "up to"
    fault = ""
    if unknown:
        fault = f"unknown word {unknown[0]!r}"
    elif "long" in words:
        fault = "the prompt length from which it applies is not stated"
    start = int(band["thousands"]) * 1000 if band and is_long else 0
    return Usage(found["model"], component, tier, start, fault)


def _price(sku: Sku) -> tuple[Decimal | None, str]:
    """USD per token, or None and why not."""
    expressions = [pricing.pricingExpression for pricing in sku.pricingInfo]
    if len(expressions) != 1 or expressions[0].usageUnit != "count":
        return None, "not priced by the token"
    prices = [rate.unitPrice for rate in expressions[0].tieredRates]
    charged = [price for price in prices if price.nanos or price.units != "0"]
    units = decimal(charged[0].units) if len(charged) == 1 else None
    if units is None or charged[0].currencyCode != "USD":
        return None, "no single price in USD"
    return units + charged[0].nanos * NANOS, ""
