"""Chutes: open models on the GPUs of independent hosts, often the lowest price of a model.

Publisher: Chutes, https://llm.chutes.ai/v1/models. Keyless list of a dozen or more models, one reading a
day; no licence for the data is stated. `pricing` is in USD per million tokens, although its keys are those
of OpenRouter's prices per token; `price` repeats it in USD and TAO. Seen 2026-07: ids end in -TEE where the
model runs in an enclave, and the quantization is stated.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://llm.chutes.ai/v1/models"
HOST = "chutes"
COMPONENTS = {"prompt": "input", "completion": "output", "input_cache_read": "cache_read"}
"""Pricing key to component; USD per million tokens."""


class Model(msgspec.Struct):
    id: str
    pricing: dict[str, Decimal | None]
    quantization: str | None = None
    context_length: int | None = None
    max_output_length: int | None = None


class Answer(msgspec.Struct):
    data: list[msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole list, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The list to `token_prices`: one row per model and component.

    Key: model, component and quantization; USD per million tokens. 0 is rejected. Raises PayloadError when
    the answer is not JSON with a `data` list.
    """
    rows = Rows("token_prices")
    for position, model, reason in decode_each(decode(body, Answer).data, Model):
        if model is None:
            rows.reject(f"data/{position}", reason, host_raw=HOST)
            continue
        for key, component in COMPONENTS.items():
            quoted = model.pricing.get(key)
            place = f"data/{position}/pricing/{key}"
            known = {"host_raw": HOST, "model_raw": model.id, "component": component}
            if quoted is None:
                continue
            if decimal(str(quoted)) == 0:
                rows.reject(place, "0 is not stated to be free", **known)
            else:
                rows.add(
                    place,
                    **known,
                    usd_amount=quoted,
                    quantization=model.quantization or None,
                    context_tokens=model.context_length or None,
                    max_output_tokens=model.max_output_length or None,
                )
    return {"token_prices": rows}
