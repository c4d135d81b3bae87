"""OVHcloud AI Endpoints: its own price list of open models, served from France.

Publisher: OVHcloud, https://catalog.endpoints.ai.ovh.net/rest/v2/openrouter. Keyless catalogue, one reading
a day; no licence for the data is stated. OpenRouter's shape; prices are texts in USD per token. Read from a
client of 2026: a cache price of 0 stands where there is no cache; speech and embedding models stand in the
same list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each, usd_per_mtok

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://catalog.endpoints.ai.ovh.net/rest/v2/openrouter"
HOST = "ovhcloud"
COMPONENTS = {
    "prompt": "input",
    "completion": "output",
    "input_cache_reads": "cache_read",
    "input_cache_writes": "cache_write",
}
CACHE = ("input_cache_reads", "input_cache_writes")


class Pricing(msgspec.Struct):
    """USD per token, as text."""

    prompt: str | None = None
    completion: str | None = None
    input_cache_reads: str | None = None
    input_cache_writes: str | None = None


class Model(msgspec.Struct):
    id: str
    pricing: Pricing | None = None
    context_length: int | None = None
    max_output_length: int | None = None
    output_modalities: tuple[str, ...] = ("text",)


class Answer(msgspec.Struct):
    data: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole catalogue, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The catalogue to `token_prices`: one row per model that writes text and component.

    Key: model and component; USD per million tokens. 0 is rejected, for the cache passed over. Raises
    PayloadError when the answer is not JSON with a `data` list.
    """
    rows = Rows("token_prices")
    for position, model, reason in decode_each(decode(body, Answer).data, Model):
        if model is None:
            rows.reject(f"data/{position}", reason, host_raw=HOST)
            continue
        if "text" not in model.output_modalities:
            continue
        for key, component in COMPONENTS.items():
            quoted: str | None = getattr(model.pricing, key, None)
            place = f"data/{position}/pricing/{key}"
            known = {"host_raw": HOST, "model_raw": model.id, "component": component}
            amount = decimal(quoted) if quoted is not None else None
            if quoted is None or (amount == 0 and key in CACHE):
                continue
            if amount is None or amount == 0:
                rows.reject(place, f"no number, or not stated to be free: {quoted}", **known)
            else:
                rows.add(
                    place,
                    **known,
                    usd_amount=usd_per_mtok(amount),
                    context_tokens=model.context_length or None,
                    max_output_tokens=model.max_output_length or None,
                )
    return {"token_prices": rows}
