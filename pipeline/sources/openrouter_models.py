"""OpenRouter: what its lead provider charges for each model routed through it.

Publisher: OpenRouter, https://openrouter.ai. Keyless list of a few hundred models, one reading a day; no
licence for the data is stated. The price is that of the provider OpenRouter routes to first, not the maker's
list price, and moves when routing moves. Seen 2026-05: ids with a leading `~` are aliases that move to a
newer model of the same author; `image` equals `prompt` wherever it is given, so it is a price of one image
token there; a few models without `:free` in their id carry prices of 0.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each, usd_per_mtok

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://openrouter.ai/api/v1/models"
HOST = "openrouter"
COMPONENTS = {
    "prompt": ("input", "usd_per_mtok"),
    "completion": ("output", "usd_per_mtok"),
    "internal_reasoning": ("reasoning", "usd_per_mtok"),
    "input_cache_read": ("cache_read", "usd_per_mtok"),
    "input_cache_write": ("cache_write", "usd_per_mtok"),
    "audio": ("input_audio", "usd_per_mtok"),
    "audio_output": ("output_audio", "usd_per_mtok"),
    "image": ("image", "usd_per_image"),
    "request": ("request", "usd_per_request"),
    "web_search": ("web_search", "usd_per_search"),
}
"""Pricing key to component and unit. The source quotes USD for a single token, image, request or search."""
CHOSEN_AT_RUN_TIME = Decimal(-1)
"""Price of a router that picks the model after it has seen the prompt."""


class TopProvider(msgspec.Struct):
    max_completion_tokens: int | None = None


class Model(msgspec.Struct):
    """The fields read of one model."""

    id: str
    pricing: dict[str, msgspec.Raw]
    name: str | None = None
    context_length: int | None = None
    top_provider: TopProvider | None = None


class Answer(msgspec.Struct):
    data: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The model list to `token_prices`, one row per priced component, and `model_facts`, one row per model.

    Key: model id and component. Tokens in USD per million; images, requests and searches in USD each. Ids
    that end in `:free` are stated to be free; any other 0, and -1 (chosen at run time), is rejected. The lab
    is the author part of the id. Raises PayloadError when the answer is not JSON with a `data` list.
    """
    prices, facts = Rows("token_prices"), Rows("model_facts")
    for position, model, reason in decode_each(decode(body, Answer).data, Model):
        if model is None:
            prices.reject(f"data/{position}", reason, host_raw=HOST)
            continue
        facts.add(
            f"data/{position}",
            host_raw=HOST,
            model_raw=model.id,
            model_name=model.name,
            lab_raw=model.id.split("/")[0].removeprefix("~") if "/" in model.id else None,
            context_tokens=model.context_length or None,
        )
        _add_prices(prices, f"data/{position}/pricing", model)
    return {"token_prices": prices, "model_facts": facts}


def _add_prices(prices: Rows, position: str, model: Model) -> None:
    quoted = {key: _text(raw) for key, raw in model.pricing.items() if key in COMPONENTS}
    amounts = {key: decimal(text) for key, text in quoted.items() if text != "null"}
    is_free = model.id.endswith(":free")
    for key, amount in amounts.items():
        component, unit = COMPONENTS[key]
        if key == "image" and amount == amounts.get("prompt"):
            unit = "usd_per_mtok"
        known = {"host_raw": HOST, "model_raw": model.id, "component": component, "unit": unit}
        if amount is None:
            prices.reject(f"{position}/{key}", f"not a number: {quoted[key]}", **known)
        elif amount == CHOSEN_AT_RUN_TIME:
            prices.reject(f"{position}/{key}", "-1: the model and its price are chosen at run time", **known)
        elif amount == 0 and not is_free:
            prices.reject(f"{position}/{key}", "0 on a model that is not marked :free", **known)
        else:
            prices.add(
                f"{position}/{key}",
                **known,
                usd_amount=usd_per_mtok(amount) if unit == "usd_per_mtok" else amount,
                context_tokens=model.context_length or None,
                max_output_tokens=(model.top_provider and model.top_provider.max_completion_tokens) or None,
                is_free=is_free,
            )


def _text(quoted: msgspec.Raw) -> str:
    """A price as the vendor wrote it, string or number."""
    return bytes(quoted).decode("utf-8", "replace").strip('"')
