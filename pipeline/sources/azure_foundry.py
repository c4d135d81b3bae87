"""Azure AI Foundry: Microsoft's prices of OpenAI's and other models, by deployment and service tier.

Publisher: Microsoft, https://prices.azure.com/api/retail/prices (no key; no licence stated), service
"Foundry Models" of one region, one to two thousand meters. What a price is for stands in meterName alone,
in abbreviations that differ from model to model ("gpt-4o-0806-Outp-glbl Tokens", "5.6 luna ShortCo Cd Inp
Std Gl 1M Tokens", "GPT 5 outpt Glbl 1M Tokens"). Read from clients of 2026: the older filter on the product
"Azure OpenAI" still answers, with a third of the meters; "LongCo" meters do not say from which length they
apply; priority processing is "PP".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://prices.azure.com/api/retail/prices"
API_VERSION = "2023-01-01-preview"
REGION = "eastus2"
"""The region with the most models; without one the answer runs to 25,000 meters."""
WORD = re.compile(r"[^\s-]+")
UNITS = {"1K": 1000, "10K": 100, "100K": 10, "1M": 1}
"""unitOfMeasure to the factor that makes a price USD per million tokens."""
MEANINGS = {
    "component": {
        "input": "inp inpt input",
        "output": "outp outpt otpt opt output",
    },
    "cache": {"read": "cached cchd chd cd", "write": "wr write"},
    "deployment": {
        "global": "glbl globl gl global",
        "datazone": "datazone dzone dzn dz data",
        "regional": "regnl regional",
    },
    "tier": {"standard": "std standard", "batch": "batch btch", "flex": "flex", "priority": "pp priority"},
    "context": {"short": "shortco", "long": "longco"},
    "nothing": {"": "tokens token 1m 1k zone"},
    "both": {"batch input": "batchinp", "batch output": "batchoutp"},
    "other": {"": "ft rft finetuned finetune dev hosted hosting training prov provisioned ptu mngd grader"},
}
"""Kind of meaning, meaning, and the words that stand for it in a meterName. "cd wr" is a cache write; "other"
is tuning, training and reserved capacity."""
WORDS = {
    word: (kind, meaning)
    for kind, meanings in MEANINGS.items()
    for meaning, words in meanings.items()
    for word in words.split()
}
NOT_TEXT = (
    "aud audio rt realtime img image vision video sora tts transcribe tcrb diarize whisper speech embedding "
    "ada ocr parser dall dalle txt"
)
"""Words in a model's name or behind it that tell a meter of another medium: passed over."""


class Meter(msgspec.Struct):
    meterName: str
    retailPrice: Decimal
    unitOfMeasure: str
    type: str
    currencyCode: str = "USD"
    tierMinimumUnits: Decimal = Decimal(0)
    effectiveStartDate: datetime | None = None


class Page(msgspec.Struct):
    Items: list[msgspec.Raw]
    NextPageLink: str | None = None


class Usage(NamedTuple):
    """What a meterName says; ``fault`` tells why its price is not to be used."""

    model: str
    component: str
    deployment: str
    service_tier: str
    fault: str


def fetch(http: Http) -> None:
    """Every page of the region's meters."""
    wanted = f"serviceName eq 'Foundry Models' and armRegionName eq '{REGION}'"
    page = decode(http.get(URL, params={"api-version": API_VERSION, "$filter": wanted}), Page)
    while page.NextPageLink:
        page = decode(http.get(page.NextPageLink), Page)


def parse(body: bytes, context: Context) -> Parsed:
    """A page to `token_prices`: one row per model, deployment, service tier and component.

    Key: host (azure-foundry/<deployment>), model as the meter abbreviates it, component and tier; USD per
    million tokens. Passed over: meters that do not count tokens, other media than text, tuning and reserved
    capacity. Rejected: meters with an unknown word, without direction, of long prompts, of a later day, at
    0. Raises PayloadError when the body is not a page.
    """
    rows = Rows("token_prices")
    for position, meter, reason in decode_each(decode(body, Page).Items, Meter):
        place = f"Items/{position}"
        if meter is None:
            rows.reject(place, reason)
            continue
        usage = _usage(meter.meterName)
        if meter.type != "Consumption" or usage is None:
            continue
        known = {
            "host_raw": "/".join(filter(None, ("azure-foundry", usage.deployment))),
            "model_raw": usage.model or None,
            "component": usage.component or None,
            "service_tier": usage.service_tier,
            "effective_from": meter.effectiveStartDate,
        }
        factor, price = UNITS.get(meter.unitOfMeasure), decimal(str(meter.retailPrice))
        fault = usage.fault or _fault(meter, price, context.observed_at)
        if fault or factor is None or price is None:
            fault = fault or f"not USD by the thousand or million tokens: per {meter.unitOfMeasure}"
            rows.reject(place, f"{fault}: {meter.meterName}", **known)
        else:
            rows.add(place, **known, usd_amount=price * factor)
    return {"token_prices": rows}


def _usage(name: str) -> Usage | None:
    """What a meter bills; None where it is not tokens of text from a model as its maker left it."""
    words = [(found.start(), found[0].lower()) for found in WORD.finditer(name)]
    if not words or words[-1][1] != "tokens" or {word for _, word in words} & set(NOT_TEXT.split()):
        return None
    # The model's name comes first and ends where the first known word begins.
    first = next(number for number, (_, word) in enumerate(words) if word in WORDS)
    model, said, unknown = name[: words[first][0]].strip(" -"), dict[str, str](), ""
    for _, word in words[first:]:
        kind, meaning = WORDS.get(word, ("", ""))
        if kind == "both":
            said["tier"], said["component"] = meaning.split()
        elif kind != "cache" or "cache" not in said or meaning == "write":
            said[kind] = meaning
        unknown = unknown or ("" if kind else word)
    if "other" in said:
        return None
    component, fault = said.get("component", ""), ""
    if "cache" in said:
        component = f"cache_{said['cache']}"
    if unknown:
        fault = f"unknown word {unknown!r}"
    elif not component or not model:
        fault = "no model or no direction"
    elif said.get("context") == "long":
        fault = "the prompt length from which it applies is not stated"
    return Usage(model, component, said.get("deployment", ""), said.get("tier", "standard"), fault)


def _fault(meter: Meter, price: Decimal | None, now: datetime) -> str:
    start = meter.effectiveStartDate
    if meter.currencyCode != "USD":
        return f"priced in {meter.currencyCode}"
    if meter.tierMinimumUnits:
        return "a price of larger volumes"
    if start and start.replace(tzinfo=start.tzinfo or UTC) > now:
        return f"holds only from {start:%Y-%m-%d}"
    return "0 is not stated to be free" if price == 0 else ""
