"""Vercel AI Gateway: what the gateway charges for the makers' models, with bands of prompt length.

Publisher: Vercel, https://ai-gateway.vercel.sh/v1/models. Keyless list of a few hundred models, one reading
a day; no licence for the data is stated. Prices are texts in USD per token. Read from a client of 2026:
where a model has bands, the plain price repeats the first one; embedding, image and video models stand in
the same list; limits of 0 stand for unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each, usd_per_mtok

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://ai-gateway.vercel.sh/v1/models"
HOST = "vercel-ai-gateway"
COMPONENTS = {
    "input": "input",
    "output": "output",
    "input_cache_read": "cache_read",
    "input_cache_write": "cache_write",
}
"""Key of a price, and of its bands with `_tiers` behind, to component."""


class Tier(msgspec.Struct):
    """``cost`` applies from a prompt of ``min`` tokens on."""

    cost: str
    min: int = 0


class Pricing(msgspec.Struct):
    """USD per token, as text."""

    input: str | None = None
    output: str | None = None
    input_cache_read: str | None = None
    input_cache_write: str | None = None
    input_tiers: list[Tier] | None = None
    output_tiers: list[Tier] | None = None
    input_cache_read_tiers: list[Tier] | None = None
    input_cache_write_tiers: list[Tier] | None = None


class Model(msgspec.Struct):
    id: str
    type: str
    name: str | None = None
    released: int | None = None
    context_window: int | None = None
    max_tokens: int | None = None
    pricing: Pricing | None = None


class Answer(msgspec.Struct):
    data: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `token_prices`, a row per component and band, and `model_facts`, a row per language model.

    Key: model, component and first prompt length of the band; USD per million tokens. 0 is rejected. The lab
    is the author part of the id. Raises PayloadError when the answer is not JSON with a `data` list.
    """
    prices, facts = Rows("token_prices"), Rows("model_facts")
    for position, model, reason in decode_each(decode(body, Answer).data, Model):
        place = f"data/{position}"
        if model is None:
            prices.reject(place, reason, host_raw=HOST)
            continue
        if model.type != "language":
            continue
        facts.add(
            place,
            host_raw=HOST,
            model_raw=model.id,
            model_name=model.name,
            lab_raw=model.id.split("/")[0] if "/" in model.id else None,
            release_date=_day(model.released),
            context_tokens=model.context_window or None,
        )
        for key, start, quoted in _bands(model.pricing or Pricing()):
            known = {"host_raw": HOST, "model_raw": model.id, "component": COMPONENTS[key]}
            amount = decimal(quoted)
            if amount is None:
                prices.reject(f"{place}/{key}", f"not a number: {quoted}", **known)
            elif amount == 0:
                prices.reject(f"{place}/{key}", "0 is not stated to be free", **known)
            else:
                prices.add(
                    f"{place}/{key}/{start}" if start else f"{place}/{key}",
                    **known,
                    usd_amount=usd_per_mtok(amount),
                    min_context_tokens=start,
                    context_tokens=model.context_window or None,
                    max_output_tokens=model.max_tokens or None,
                )
    return {"token_prices": prices, "model_facts": facts}


def _bands(pricing: Pricing) -> Iterator[tuple[str, int, str]]:
    """Key, first prompt length and price of every component."""
    for key in COMPONENTS:
        tiers: list[Tier] | None = getattr(pricing, f"{key}_tiers")
        plain: str | None = getattr(pricing, key)
        if tiers:
            yield from ((key, tier.min, tier.cost) for tier in tiers)
        elif plain is not None:
            yield key, 0, plain


def _day(seconds: int | None) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
