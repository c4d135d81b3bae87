"""LiteLLM's cost map: token prices of models as LiteLLM routes to them.

Publisher: BerriAI, https://github.com/BerriAI/litellm, MIT. One JSON object in the repository, kept by pull
requests, changes daily; the copy in AgentOps-AI/tokencost has the same shape and a history from 2024-01. One
model stands there many times: direct, through Azure, by Bedrock region, through Vertex. Quirks: prices are
floats with representation noise (1.500002e-05); 0 stands for free, for a price nobody looked up and for
"billed otherwise"; unit errors are repaired in place: Vertex's Gemini prices stood at a sixteenth until
2024-07-01, and once more until 2024-11-08; a length is a float here and there; the first two copies of 2024
name no provider.
"""

from __future__ import annotations

import re
from decimal import Context as Rounding
from typing import TYPE_CHECKING

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each, usd_per_mtok

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/AgentOps-AI/tokencost"
HISTORY_PATHS = ("tokencost/model_prices.json",)
URL = "https://raw.githubusercontent.com/BerriAI/litellm/refs/heads/main/model_prices_and_context_window.json"
COMPONENTS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "cache_read_input_token_cost": "cache_read",
    "input_cost_per_token_cache_hit": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
}
"""Key of a price to component; the source quotes USD per token."""
SERVICE_TIERS = {
    None: "standard",
    "batches": "batch",
    "batch_requests": "batch",
    "flex": "flex",
    "priority": "priority",
}
PRICE = re.compile(
    rf"(?P<price>{'|'.join(COMPONENTS)})(_above_(?P<thousands>[0-9]{{1,5}})k_tokens)?"
    r"(_(?P<tier>batches|batch_requests|flex|priority))?"
)
CACHE_HIT, CACHE_READ = "input_cost_per_token_cache_hit", "cache_read_input_token_cost"
"""Older and newer name of one price; some entries carry both."""
TEXT_MODES = ("chat", "completion", "responses", "")
"""Elsewhere a 0 means that this side is not billed by the token: embeddings put out none."""
SIX_DIGITS = Rounding(prec=6)
"""Prices are kept to six significant digits: no price list has more, and the noise begins beyond them."""


def fetch(http: Http) -> None:
    """The whole map, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The cost map, live or any copy of its history, to `token_prices`: one row per token price of an entry.

    Key: provider, entry name, component, service tier and prompt length band; USD per million tokens, rounded
    to six significant digits. Prices per image, second, character, page or search are not read; an entry
    without token prices gives no row. 0 is rejected: the map does not tell free from unknown; so is a token
    cheaper than one of its own characters, a slip of 2024 with Google's models. Raises
    PayloadError when the body is not a JSON object.
    """
    rows = Rows("token_prices")
    entries = decode(body, dict[str, msgspec.Raw])
    read = decode_each(entries.values(), dict[str, msgspec.Raw])
    for name, (_, entry, reason) in zip(entries, read, strict=True):
        if name == "sample_spec":
            continue
        if entry is None:
            rows.reject(name, reason, model_raw=name)
        else:
            _add(rows, name, {key: _text(value) for key, value in entry.items()})
    return {"token_prices": rows}


def _add(rows: Rows, name: str, entry: dict[str, str]) -> None:
    for key, text in entry.items():
        price = PRICE.fullmatch(key)
        if price is None or not text or (key == CACHE_HIT and CACHE_READ in entry):
            continue
        known = {
            "host_raw": entry.get("litellm_provider"),
            "model_raw": name,
            "component": COMPONENTS[price["price"]],
            "service_tier": SERVICE_TIERS[price["tier"]],
            "min_context_tokens": int(price["thousands"] or 0) * 1000,
        }
        usd_per_token = decimal(text)
        usd_per_character = decimal(entry.get(key.replace("_per_token", "_per_character"), "0")) or 0
        if usd_per_token is None:
            rows.reject(f"{name}/{key}", f"not a number: {text}", **known)
        elif 0 < usd_per_token < usd_per_character and "_per_token" in key:
            rows.reject(f"{name}/{key}", "a token is cheaper than one of its characters", **known)
        elif usd_per_token != 0:
            rows.add(
                f"{name}/{key}",
                **known,
                usd_amount=SIX_DIGITS.plus(usd_per_mtok(usd_per_token)),
                context_tokens=_tokens(entry.get("max_input_tokens", "")),
                max_output_tokens=_tokens(entry.get("max_output_tokens", "")),
            )
        elif entry.get("mode", "") in TEXT_MODES:
            rows.reject(f"{name}/{key}", "0: free, billed otherwise or unknown", **known)


def _text(value: msgspec.Raw) -> str:
    """A scalar as it is written; empty for null."""
    text = bytes(value).decode("utf-8", "replace").strip('"')
    return "" if text == "null" else text


def _tokens(text: str) -> int | None:
    """A length given as number or text; None where the text is none."""
    length = decimal(text)
    return int(length) if length else None
