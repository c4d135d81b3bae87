"""GitHub Copilot: what a token of each maker's model costs inside Copilot, a second look at list prices.

Publisher: GitHub, repository github/docs `data/tables/copilot/models-and-pricing.yml` (CC-BY-4.0). One YAML
list, changes weekly; texts with a dollar sign, USD per million tokens. Seen 2026-08: a model with a price
for long prompts stands twice, its `threshold` "≤ 272K" and "> 272K"; "Not applicable" stands for no price;
a footnote's mark may hang on a model's name; some makers leave cache_write out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import yaml

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://raw.githubusercontent.com/github/docs/main/data/tables/copilot/models-and-pricing.yml"
HOST = "github-copilot"
COMPONENTS = {
    "input": "input",
    "output": "output",
    "cached_input": "cache_read",
    "cache_write": "cache_write",
}
NO_PRICE = frozenset({"", "not applicable", "n/a", "none", "-"})
THRESHOLD = re.compile(r"(?P<side>[≤>])\s*(?P<thousands>\d{1,5})K")
FOOTNOTE = re.compile(r"\[\^[^]]*\]")


def fetch(http: Http) -> None:
    """The whole table, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The table to `token_prices`: one row per model, prompt length band and component.

    Key: model as Copilot names it, component and first prompt length; USD per million tokens. Rejected: cells
    that are no price, and thresholds of another form. Raises PayloadError when the body is not a YAML list.
    """
    rows = Rows("token_prices")
    for position, entry in enumerate(_read(body)):
        if not isinstance(entry, Mapping):
            rows.reject(position, f"not an entry: {str(entry)[:80]}", host_raw=HOST)
            continue
        known = {"host_raw": HOST, "model_raw": FOOTNOTE.sub("", str(entry.get("model", ""))).strip()}
        stated = str(entry.get("threshold", "")).strip()
        threshold = THRESHOLD.fullmatch(stated)
        if threshold is None and stated.lower() not in NO_PRICE:
            rows.reject(position, f"unknown threshold {stated!r}", **known)
            continue
        is_long = threshold is not None and threshold["side"] == ">"
        for key, component in COMPONENTS.items():
            quoted = str(entry.get(key, "")).strip()
            amount = decimal(quoted)
            if quoted.lower() in NO_PRICE:
                continue
            if amount is None or amount == 0:
                rows.reject(
                    f"{position}/{key}", f"not a price in USD: {quoted}", **known, component=component
                )
            else:
                rows.add(
                    f"{position}/{key}",
                    **known,
                    component=component,
                    usd_amount=amount,
                    min_context_tokens=int(threshold["thousands"]) * 1000 if threshold and is_long else 0,
                )
    return {"token_prices": rows}


def _read(body: bytes) -> list[object]:
    try:
        # Scalars stay text. Not the C loader: it takes the process down on deep nesting, this one raises.
        table = yaml.load(body, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PayloadError(f"not YAML: {error}") from error
    if not isinstance(table, list) or not table:
        raise PayloadError(f"the YAML holds no list of models; the body starts {body[:60]!r}")
    return table
