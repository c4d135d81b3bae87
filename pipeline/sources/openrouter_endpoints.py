"""OpenRouter endpoints: the price of one open model at every host OpenRouter can route it to.

Publisher: OpenRouter, https://openrouter.ai. One keyless request per model of a fixed list, one reading a
day; no licence for the data is stated. Prices are texts in USD per token. Read from clients of 2026: a host
may offer a model in several variants, told apart by the tail of `tag`; quantization "unknown" means
unstated; a withdrawn model answers 404; whether `discount` is already in the price is not known.
Throughput, latency and uptime are those of single requests in the last minutes and are not read.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each, usd_per_mtok

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://openrouter.ai/api/v1/models/{model}/endpoints"
MODELS = (
    "deepseek/deepseek-v4-pro",
    "deepseek/deepseek-v4-flash",
    "deepseek/deepseek-v3.2",
    "deepseek/deepseek-chat-v3.1",
    "deepseek/deepseek-chat-v3-0324",
    "deepseek/deepseek-r1-0528",
    "openai/gpt-oss-120b",
    "openai/gpt-oss-20b",
    "meta-llama/llama-4-maverick",
    "meta-llama/llama-4-scout",
    "meta-llama/llama-3.3-70b-instruct",
    "meta-llama/llama-3.1-8b-instruct",
    "qwen/qwen3.5-397b-a17b",
    "qwen/qwen3.6-27b",
    "qwen/qwen3-235b-a22b-2507",
    "qwen/qwen3-coder",
    "qwen/qwen3-next-80b-a3b-instruct",
    "qwen/qwen3-32b",
    "moonshotai/kimi-k2.6",
    "moonshotai/kimi-k2.5",
    "moonshotai/kimi-k2-thinking",
    "z-ai/glm-5.1",
    "z-ai/glm-5",
    "z-ai/glm-4.7",
    "z-ai/glm-4.6",
    "minimax/minimax-m2.7",
    "minimax/minimax-m2.5",
    "google/gemma-4-31b-it",
    "google/gemma-3-27b-it",
    "mistralai/mistral-small-3.2-24b-instruct",
    "nvidia/nemotron-3-super-120b-a12b",
    "xiaomi/mimo-v2.5-pro",
)
"""Open models with several hosts, as OpenRouter named them on 2026-05-15."""
COMPONENTS = {
    "prompt": "input",
    "completion": "output",
    "internal_reasoning": "reasoning",
    "input_cache_read": "cache_read",
    "input_cache_write": "cache_write",
}


class Pricing(msgspec.Struct):
    """USD per token, as text; ``discount`` is a share of the price."""

    prompt: str | None = None
    completion: str | None = None
    internal_reasoning: str | None = None
    input_cache_read: str | None = None
    input_cache_write: str | None = None
    discount: Decimal | None = None


class Endpoint(msgspec.Struct):
    provider_name: str
    pricing: Pricing
    tag: str | None = None
    quantization: str | None = None
    context_length: int | None = None
    max_completion_tokens: int | None = None


class Model(msgspec.Struct):
    id: str
    endpoints: list[msgspec.Raw]


class Answer(msgspec.Struct):
    data: Model


def fetch(http: Http) -> None:
    """One request per model of the list; a withdrawn one is passed over."""
    for model in MODELS:
        http.get(URL.format(model=model), optional=True)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The hosts of one model to `token_prices`: one row per host, variant and component.

    Key: host (with the variant behind a slash), model, component and quantization; USD per million tokens.
    Rejected: discounted endpoints, 0, prices chosen at run time. Raises PayloadError when the answer is not
    JSON with a model and its `endpoints`.
    """
    rows, model = Rows("token_prices"), decode(body, Answer).data
    for position, endpoint, reason in decode_each(model.endpoints, Endpoint):
        place = f"endpoints/{position}"
        if endpoint is None:
            rows.reject(place, reason, model_raw=model.id)
            continue
        quantization = None if endpoint.quantization in ("unknown", "") else endpoint.quantization
        known = {
            "host_raw": _host(endpoint, quantization),
            "model_raw": model.id,
            "quantization": quantization,
        }
        if discount := endpoint.pricing.discount:
            rows.reject(place, f"discount {discount}: in the price or off it is not known", **known)
            continue
        for key, component in COMPONENTS.items():
            quoted: str | None = getattr(endpoint.pricing, key)
            if quoted is None:
                continue
            amount = decimal(quoted)
            if amount is None or amount <= 0:
                rows.reject(f"{place}/{key}", f"no fixed price: {quoted}", **known, component=component)
            else:
                rows.add(
                    f"{place}/{key}",
                    **known,
                    component=component,
                    usd_amount=usd_per_mtok(amount),
                    context_tokens=endpoint.context_length or None,
                    max_output_tokens=endpoint.max_completion_tokens or None,
                )
    return {"token_prices": rows}


def _host(endpoint: Endpoint, quantization: str | None) -> str:
    """The host, and behind a slash the variant where the tag names one beside the quantization."""
    variant = (endpoint.tag or "").partition("/")[2]
    return (
        f"{endpoint.provider_name}/{variant}" if variant not in ("", quantization) else endpoint.provider_name
    )
