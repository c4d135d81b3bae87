"""LMArena price table: the list price behind each Arena name, frozen 2025-12.

Publisher: LMArena, repository lmarena/arena-catalog `data/scatterplot-data.json` (no licence stated), read
from the repository's history. It joins names of the text and vision boards to prices in USD per million
tokens, with the page each was copied from: a maker's own, a host's or another list's. Seen 2025-12: prices
are texts and, in the last rows, numbers; image models stand among the rest with a price per image; prices
once quoted in CNY are converted; four rows name no page.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from pipeline.parsing import Context, Parsed, Rows, decimal, decode, decode_each

PARSER_VERSION = 1
HISTORY_URL = "https://github.com/lmarena/arena-catalog"
HISTORY_PATHS = ("data/scatterplot-data.json",)
COMPONENTS = ("input", "output")
IMAGE_MODELS = ("Imagen", "Recraft", "Luma", "Ideogram", "FLUX", "DALL·E", "Stable Diffusion")
"""Beginnings of the names of models priced by the image."""


class Listed(msgspec.Struct):
    """One Arena name. Prices are texts or numbers, empty where unknown."""

    name: str
    input_token_price: msgspec.Raw = msgspec.Raw(b"null")
    output_token_price: msgspec.Raw = msgspec.Raw(b"null")
    price_source: str = ""


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """One version of the table to `token_prices`: a row per Arena name and component.

    Key: site of the page the price was copied from, Arena name and component; USD per million tokens. Passed
    over: models priced by the image, names without a price. Rejected: prices of no stated page, 0. Raises
    PayloadError when the body is not a JSON list.
    """
    rows = Rows("token_prices")
    for position, listed, reason in decode_each(decode(body, list[msgspec.Raw]), Listed):
        if listed is None:
            rows.reject(position, reason)
            continue
        if listed.name.startswith(IMAGE_MODELS):
            continue
        site = _site(listed.price_source)
        for component in COMPONENTS:
            quoted = _text(getattr(listed, f"{component}_token_price"))
            known = {"host_raw": site, "model_raw": listed.name, "component": component}
            if not quoted:
                continue
            amount = decimal(quoted)
            if site is None or not amount:
                fault = f"not a price: {quoted}" if site else f"no page behind it: {listed.price_source!r}"
                rows.reject(f"{position}/{component}", fault, **known)
            else:
                rows.add(f"{position}/{component}", **known, usd_amount=amount)
    return {"token_prices": rows}


def _text(value: msgspec.Raw) -> str:
    """A price as written; empty for null."""
    text = bytes(value).decode("utf-8", "replace").strip('"')
    return "" if text == "null" else text


def _site(page: str) -> str | None:
    """The site of a page: docs.x.ai."""
    try:
        host = urlsplit(page).hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None
