"""models.dev: token prices of well over a hundred hosts and facts on the models they serve.

Publisher: the models.dev project, https://models.dev, MIT. A hand-kept catalogue, one TOML file per host and
model in the public repository anomalyco/models.dev, served as one JSON; changes several times a day. It tells
when an entry changed, not when a price did: a cut of 2025-09-29 was entered on 2025-11-17. Quirks: 0 stands
for a subscription, a local runner, a free offer or a price nobody looked up; until 2025-06 cache_read was
named inputCached, and outputCached beside it stood for reads, writes or neither; misspelt prices
(cached_input) never reach the served JSON; since 2026-04 a file may extend another host's record and state
only what differs, later ones leave facts, but not prices, to a base_model; context_over_200k is an older name
of a band that may begin elsewhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/anomalyco/models.dev"
HISTORY_PATHS = ("providers",)
URL = "https://models.dev/api.json"
MODEL_FILE = re.compile(r"providers/(?P<host>[^/]+)/models/(?P<model>.+)\.toml")
"""Path of a model's file in the repository. The model id is the rest of the path, folders included."""
COMPONENTS = {"inputCached": "cache_read"} | {
    name: name
    for name in ("input", "output", "reasoning", "cache_read", "cache_write", "input_audio", "output_audio")
}
"""Key of a price to component. All USD per million tokens."""
LONG_CONTEXT_TOKENS = 200_000
"""Prompt length behind the key context_over_200k."""
FREE_SUFFIXES = (":free", "-free")
FULL_DATE = len("2025-12-31")
"""Some release dates are given as year and month only."""
ZERO = "0: free, subscription or unknown"


class Bound(msgspec.Struct):
    """Where a band of prices begins: ``size`` tokens of prompt, as long as ``type`` is context."""

    size: int
    type: str = "context"


class Model(msgspec.Struct):
    """The fields read of one model. Limits are tokens, 0 where the catalogue has none."""

    name: str | None = None
    family: str | None = None
    release_date: str | None = None
    open_weights: bool | None = None
    limit: dict[str, int] | None = None
    cost: dict[str, Decimal | dict[str, Decimal] | list[dict[str, Decimal | Bound]]] | None = None


class Host(msgspec.Struct):
    models: dict[str, msgspec.Raw]


def fetch(http: Http) -> None:
    """The whole catalogue, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The catalogue, or one file of its repository, to `token_prices` and `model_facts`.

    With ``context.path`` the body is that file's TOML: a model's file gives the rows its record in the served
    JSON would, a host's own file none. `token_prices`: one row per component and prompt length band of a
    model at a host, USD per million tokens; 0 is a price only where the id says free. `model_facts`: one row
    per model and host. Raises PayloadError when the body is not such JSON or TOML.
    """
    rows: Parsed = {"token_prices": Rows("token_prices"), "model_facts": Rows("model_facts")}
    if not context.path:
        for host, listed in decode(body, dict[str, Host]).items():
            records = decode_each(listed.models.values(), Model)
            for model_id, (_, model, reason) in zip(listed.models, records, strict=True):
                _add(rows, host, model_id, model, reason)
    elif place := MODEL_FILE.fullmatch(context.path):
        _add(rows, place["host"], place["model"], *_read_file(body))
    return rows


def _read_file(body: bytes) -> tuple[Model | None, str]:
    """The model, or None and the reason why this file alone does not describe one."""
    try:
        record = tomllib.loads(body.decode(), parse_float=Decimal)
        if "extends" in record:
            return None, f"extends {record['extends']}: its values are not in this file"
        return msgspec.convert(record, Model), ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise PayloadError(f"not the TOML of a model: {error}") from error


def _add(rows: Parsed, host: str, model_id: str, model: Model | None, reason: str) -> None:
    prices, known = rows["token_prices"], {"host_raw": host, "model_raw": model_id}
    if model is None:
        prices.reject(f"{host}/{model_id}", reason, **known)
        return
    limit = model.limit or {}
    context_tokens, max_output_tokens = limit.get("context") or None, limit.get("output") or None
    rows["model_facts"].add(
        f"{host}/{model_id}",
        **known,
        model_name=model.name,
        family=model.family,
        release_date=model.release_date if len(model.release_date or "") == FULL_DATE else None,
        is_open_weights=model.open_weights,
        context_tokens=context_tokens,
    )
    is_free = model_id.endswith(FREE_SUFFIXES)
    for table, amounts, min_context_tokens in _tables(model.cost or {}):
        position = f"{host}/{model_id}/{table}"
        if amounts and not any(amounts.values()) and not is_free:
            prices.reject(position, ZERO, **known)
            continue
        for key, amount in amounts.items():
            named = {**known, "component": COMPONENTS.get(key), "usd_amount": amount}
            if key not in COMPONENTS:
                prices.reject(f"{position}/{key}", f"{key} is not a documented price", **named)
            elif amount == 0 and not is_free:
                prices.reject(f"{position}/{key}", ZERO, **named)
            else:
                prices.add(
                    f"{position}/{key}",
                    **named,
                    min_context_tokens=min_context_tokens,
                    context_tokens=context_tokens,
                    max_output_tokens=max_output_tokens,
                    is_free=is_free,
                )


def _tables(cost: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Decimal], int]]:
    """Position, prices and first prompt length of the base prices and of each longer band.

    Where a record states its bands both ways, context_over_200k repeats a tier, at times of another length.
    """
    yield "cost", _amounts(cost), 0
    tiers = cost.get("tiers")
    if isinstance(tiers, list):
        for position, tier in enumerate(tiers):
            bound = tier.get("tier")
            if isinstance(bound, Bound) and bound.type == "context":
                yield f"cost/tiers/{position}", _amounts(tier), bound.size
    elif isinstance(longer := cost.get("context_over_200k"), dict):
        yield "cost/context_over_200k", longer, LONG_CONTEXT_TOKENS


def _amounts(cost: Mapping[str, Any]) -> dict[str, Decimal]:
    return {key: amount for key, amount in cost.items() if isinstance(amount, Decimal)}
