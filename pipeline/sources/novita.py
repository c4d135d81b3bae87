"""Novita AI: its own price list of open models.

Publisher: Novita AI, https://api.novita.ai/openai/v1/models. List without a key, one reading a day; no
licence for the data is stated. Read from clients of 2026: `pricing` holds USD per million tokens as text,
`input_token_price_per_m` and its sister the same in ten-thousandths of a dollar; status 1 is on sale;
embedding and image models stand in the same list.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://api.novita.ai/openai/v1/models"
HOST = "novita"
ON_SALE = 1
PARTS_OF_A_DOLLAR = 10_000
"""Unit of the whole-number prices, per million tokens."""


class Price(msgspec.Struct):
    price_per_m_decimal: str | None = None


class Pricing(msgspec.Struct):
    """USD per million tokens, as text."""

    prompt: Price | None = None
    completion: Price | None = None
    input_cache_read: Price | None = None


class Model(msgspec.Struct):
    id: str
    model_type: str = "chat"
    status: int = ON_SALE
    context_size: int | None = None
    max_output_tokens: int | None = None
    input_token_price_per_m: Decimal | None = None
    output_token_price_per_m: Decimal | None = None
    pricing: Pricing | None = None


class Answer(msgspec.Struct):
    data: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `token_prices`: one row per chat model on sale and component.

    Key: model and component; USD per million tokens, from the text where it is given, else from the whole
    number. 0 is rejected. Raises PayloadError when the answer is not JSON with a `data` list.
    """
    rows = Rows("token_prices")
    for position, model, reason in decode_each(decode(body, Answer).data, Model):
        if model is None:
            rows.reject(f"data/{position}", reason, host_raw=HOST)
            continue
        if model.model_type != "chat" or model.status != ON_SALE:
            continue
        for component, quoted in _prices(model):
            place = f"data/{position}/{component}"
            known = {"host_raw": HOST, "model_raw": model.id, "component": component}
            if quoted is None or quoted == 0:
                rows.reject(place, "0 or no number, and not stated to be free", **known)
            else:
                rows.add(
                    place,
                    **known,
                    usd_amount=quoted,
                    context_tokens=model.context_size or None,
                    max_output_tokens=model.max_output_tokens or None,
                )
    return {"token_prices": rows}


def _prices(model: Model) -> Iterator[tuple[str, Decimal | None]]:
    """Component and USD per million tokens of every price the model states."""
    pricing = model.pricing or Pricing()
    for component, price, parts in (
        ("input", pricing.prompt, model.input_token_price_per_m),
        ("output", pricing.completion, model.output_token_price_per_m),
        ("cache_read", pricing.input_cache_read, None),
    ):
        if price and price.price_per_m_decimal is not None:
            yield component, decimal(price.price_per_m_decimal)
        elif parts is not None:
            whole = decimal(str(parts))
            yield component, None if whole is None else whole / PARTS_OF_A_DOLLAR
