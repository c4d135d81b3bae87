"""DeepInfra: its own price list of open models, by the token.

Publisher: DeepInfra, https://api.deepinfra.com/models/list. Keyless list, one reading a day; no licence for
the data is stated. Prices are floats in US cents per token with representation noise. Read from clients of
2026: max_tokens is the context window; cache prices are shares of the input price; `deprecated` is the
second from which a model is or will be retired; whether `discount` is already in the price is not known;
other pricing types (time, images, characters) stand in the same list.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Context as Rounding
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://api.deepinfra.com/models/list"
HOST = "deepinfra"
USD_PER_MTOK = 10_000
"""USD per million tokens for one US cent per token."""
SIX_DIGITS = Rounding(prec=6)
"""Prices are kept to six significant digits: no price list has more, and the noise begins beyond them."""


class Pricing(msgspec.Struct):
    """US cents per token, and shares of the input price."""

    type: str = "tokens"
    cents_per_input_token: Decimal | None = None
    cents_per_output_token: Decimal | None = None
    rate_per_input_token_cached: Decimal | None = None
    rate_per_input_token_cache_write: Decimal | None = None
    discount: Decimal | None = None


class Model(msgspec.Struct):
    model_name: str
    type: str | None = None
    max_tokens: int | None = None
    quantization: str | None = None
    deprecated: int | bool | str | None = None
    pricing: Pricing | None = None


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The list to `token_prices`: one row per text model and component.

    Key: model, component and quantization; USD per million tokens, rounded to six significant digits. Passed
    over: other kinds of model and of pricing, and models already retired. Rejected: discounted models, 0.
    Raises PayloadError when the answer is not a JSON list.
    """
    rows = Rows("token_prices")
    for position, model, reason in decode_each(decode(body, list[msgspec.Raw]), Model):
        if model is None:
            rows.reject(position, reason, host_raw=HOST)
            continue
        pricing = model.pricing
        if model.type != "text-generation" or pricing is None or pricing.type != "tokens":
            continue
        if _is_retired(model.deprecated, context.observed_at):
            continue
        known = {"host_raw": HOST, "model_raw": model.model_name, "quantization": model.quantization or None}
        if pricing.discount:
            rows.reject(
                position, f"discount {pricing.discount}: in the price or off it is not known", **known
            )
            continue
        for component, cents in _cents(pricing).items():
            amount = decimal(str(cents))
            if amount == 0:
                rows.reject(f"{position}/{component}", "0 is not stated to be free", **known)
            else:
                rows.add(
                    f"{position}/{component}",
                    **known,
                    component=component,
                    usd_amount=None if amount is None else SIX_DIGITS.plus(amount * USD_PER_MTOK),
                    context_tokens=model.max_tokens or None,
                )
    return {"token_prices": rows}


def _cents(pricing: Pricing) -> dict[str, Decimal]:
    """Component to US cents per token, where stated."""
    shares = {
        "cache_read": pricing.rate_per_input_token_cached,
        "cache_write": pricing.rate_per_input_token_cache_write,
    }
    plain = {"input": pricing.cents_per_input_token, "output": pricing.cents_per_output_token}
    stated = {component: cents for component, cents in plain.items() if cents is not None}
    cents = decimal(str(stated.get("input")))
    for component, share in shares.items():
        # No cache is stated as null by some models and as 0 by others.
        if cents is not None and share and (part := decimal(str(share))) is not None:
            stated[component] = cents * part
    return stated


def _is_retired(deprecated: int | bool | str | None, now: datetime) -> bool:
    if isinstance(deprecated, int) and not isinstance(deprecated, bool) and deprecated > 1:
        return deprecated <= now.timestamp()
    return bool(deprecated)
