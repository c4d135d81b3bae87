"""genai-prices: hand-checked token prices of some forty hosts, with dated changes and daily windows.

Publisher: Pydantic, https://github.com/pydantic/genai-prices, MIT. One YAML file per host in the
repository, built into one JSON; changes several times a week. Quirks: prices_checked never reaches the
JSON; an unconstrained entry before a dated one may be a launch price worked out backwards from an announced
cut; routes through Hugging Face are hosts of their own (huggingface_groq); some of the Bedrock prices are a
premium applied by rule to the published global one. The frozen prices/data.json is an older shape and is
not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import yaml

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/pydantic/genai-prices"
HISTORY_PATHS = ("prices/providers",)
URL = "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json"
COMPONENTS = {
    "input_mtok": ("input", "usd_per_mtok"),
    "output_mtok": ("output", "usd_per_mtok"),
    "output_reasoning_mtok": ("reasoning", "usd_per_mtok"),
    "cache_read_mtok": ("cache_read", "usd_per_mtok"),
    "cache_write_mtok": ("cache_write", "usd_per_mtok"),
    "input_audio_mtok": ("input_audio", "usd_per_mtok"),
    "output_audio_mtok": ("output_audio", "usd_per_mtok"),
    "input_image_mtok": ("image", "usd_per_mtok"),
    "requests_kcount": ("request", "usd_per_request"),
    "web_searches_kcount": ("web_search", "usd_per_search"),
}
"""Key of a price to component and unit; a kcount is USD per thousand. Other keys, such as the one-hour cache
write, have no component of their own and are passed over."""
PER_THOUSAND = 1000
FREE_SUFFIX = ":free"


class Tier(msgspec.Struct):
    start: int
    price: Decimal


class Tiered(msgspec.Struct):
    """``base`` and, for the whole of a request longer than ``start`` tokens, the tier's price."""

    base: Decimal
    tiers: list[Tier]


Prices = dict[str, Decimal | Tiered]


class Constraint(msgspec.Struct):
    start_date: date | None = None
    start_time: time | None = None
    end_time: time | None = None


class Entry(msgspec.Struct):
    """Prices and when they hold; of a list, the last entry whose constraint holds is the price."""

    prices: Prices
    constraint: Constraint | None = None


class Model(msgspec.Struct):
    id: str
    prices: Prices | list[Entry]
    context_window: int | None = None


class Host(msgspec.Struct):
    id: str
    models: list[msgspec.Raw]


class Dated(NamedTuple):
    """An entry as one reading sees it."""

    position: str
    prices: Prices
    utc_window: str | None
    effective_from: datetime | None
    effective_to: datetime | None
    fault: str


def fetch(http: Http) -> None:
    """All hosts, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The JSON of all hosts, or with ``context.path`` one host's YAML file, to `token_prices`.

    One row per host, model, component, prompt length band and daily window, in force at the reading. A start
    date is effective_from, the next one effective_to. Prices beside a daily window hold in the rest of the
    day. Rejected: entries of another day, 0 where the id does not say free. Raises PayloadError when the body
    is not of this shape.
    """
    rows = Rows("token_prices")
    for host, position, model, reason in _models(body, is_yaml=bool(context.path)):
        if model is None:
            rows.reject(f"{host}/{position}", reason, host_raw=host)
            continue
        known, is_free = {"host_raw": host, "model_raw": model.id}, model.id.endswith(FREE_SUFFIX)
        for dated in _in_force(model.prices, context.observed_at.date()):
            place = f"{host}/{model.id}/{dated.position}"
            if dated.fault:
                rows.reject(place, dated.fault, **known)
                continue
            for key, start, price in _bands(dated.prices):
                component, unit = COMPONENTS[key]
                amount = decimal(str(price))
                if amount is None:
                    rows.reject(f"{place}/{key}", f"not a price: {price}", **known, component=component)
                elif amount == 0 and not is_free:
                    rows.reject(f"{place}/{key}", "0 is not stated to be free", **known, component=component)
                else:
                    rows.add(
                        f"{place}/{key}/{start}" if start else f"{place}/{key}",
                        **known,
                        component=component,
                        unit=unit,
                        usd_amount=amount if unit == "usd_per_mtok" else amount / PER_THOUSAND,
                        utc_window=dated.utc_window,
                        min_context_tokens=start,
                        context_tokens=model.context_window or None,
                        is_free=is_free,
                        effective_from=dated.effective_from,
                        effective_to=dated.effective_to,
                    )
    return {"token_prices": rows}


def _models(body: bytes, is_yaml: bool) -> Iterator[tuple[str, int, Model | None, str]]:
    """Host, position, model or None, and why not."""
    if not is_yaml:
        for host in decode(body, list[Host]):
            for position, model, reason in decode_each(host.models, Model):
                yield host.id, position, model, reason
        return
    try:
        # Scalars stay text, so that no price passes through a float.
        record = yaml.load(body, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PayloadError(f"not YAML: {error}") from error
    listed = record.get("models") if isinstance(record, Mapping) else None
    if not isinstance(record, Mapping) or not isinstance(listed, list) or not record.get("id"):
        raise PayloadError(f"the YAML has no id with a list of models; the body starts {body[:60]!r}")
    for position, raw in enumerate(listed):
        yield str(record["id"]), position, *_convert(raw)


def _convert(raw: Any) -> tuple[Model | None, str]:
    try:
        return msgspec.convert(raw, Model, strict=False), ""
    except (msgspec.ValidationError, RecursionError) as error:
        return None, str(error)


def _in_force(prices: Prices | list[Entry], day: date) -> Iterator[Dated]:
    """The entries of a model; those that do not hold on ``day`` have a fault."""
    if not isinstance(prices, list):
        yield Dated("prices", prices, None, None, None, "")
        return
    start_dates = [entry.constraint.start_date if entry.constraint else None for entry in prices]
    windows = [_window(entry.constraint) for entry in prices]
    held = [at for at, start in enumerate(start_dates) if not windows[at] and (not start or start <= day)]
    base = held[-1] if held else -1
    daily = [at for at, window in enumerate(windows) if window and at > base]
    later = [start for start in start_dates[base + 1 :] if start and start > day]
    until = _midnight(min(later)) if later else None
    for at, entry in enumerate(prices):
        start, window, fault = start_dates[at], windows[at], ""
        if start and start > day:
            fault = f"holds only from {start}"
        elif at != base and at not in daily:
            fault = "replaced by a later entry"
        elif at == base and daily:
            window = "-".join(reversed(windows[daily[0]].split("-")))
            fault = "several daily windows: the rest of the day is not one window" if daily[1:] else ""
        yield Dated(f"prices/{at}", entry.prices, window or None, _midnight(start), until, fault)


def _window(constraint: Constraint | None) -> str:
    """HH:MM-HH:MM; empty for all day. The source states its times in UTC."""
    if not constraint or not constraint.start_time or not constraint.end_time:
        return ""
    return f"{constraint.start_time:%H:%M}-{constraint.end_time:%H:%M}"


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def _bands(prices: Prices) -> Iterator[tuple[str, int, Decimal]]:
    """Key, first prompt length and price of every component read."""
    for key, price in prices.items():
        if key not in COMPONENTS:
            continue
        if isinstance(price, Tiered):
            yield key, 0, price.base
            for tier in price.tiers:
                yield key, tier.start, tier.price
        else:
            yield key, 0, price
