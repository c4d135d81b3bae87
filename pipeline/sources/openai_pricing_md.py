"""OpenAI's price page: list prices of its text models by service tier and prompt length.

Publisher: OpenAI, https://developers.openai.com/api/docs/pricing.md. The page as Markdown, one reading a
day; no licence is stated. Seen 2026-07 to 2026-10 in copies: one table per tier under "### <Tier> pricing
data", columns for short and long prompts; "-" is not offered; "Fast" is the newer name of priority
processing; the length from which the long price applies stands in a line of its own or behind the model's
name. Tables of other media, of tools and of tuning have other headings and are not read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://developers.openai.com/api/docs/pricing.md"
ARCHIVED_PAGES = {"": URL}
HOST = "openai"
HEADING = re.compile(r"#+ (?P<tier>\w+) pricing data")
TIERS = {"standard": "standard", "batch": "batch", "flex": "flex", "priority": "priority", "fast": "priority"}
COLUMN = re.compile(
    r"(?:(?P<length>short|long) context )?(?P<price>input|cached input|cache writes|output)", re.IGNORECASE
)
COMPONENTS = {
    "input": "input",
    "cached input": "cache_read",
    "cache writes": "cache_write",
    "output": "output",
}
PER_MILLION = "Prices per 1M tokens"
LONG_CONTEXT = re.compile(r"Long context: >\s*(\d{1,5})K input tokens")
BAND = re.compile(r"\s*\(<(\d{1,5})K context length\)$")
NOT_OFFERED = frozenset({"", "-"})


def fetch(http: Http) -> None:
    """The page, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The page to `token_prices`: one row per model, service tier, prompt length band and component.

    Key: model, tier, component and first prompt length; USD per million tokens. Rejected: cells that are no
    price, and long-prompt prices where the page does not say from which length they apply. Raises
    PayloadError when the page does not say that it prices millions of tokens, or holds no standard table.
    """
    text = body.decode("utf-8", "replace")
    if PER_MILLION not in text:
        raise PayloadError(f"the page does not say {PER_MILLION!r}; it starts {text[:60]!r}")
    stated = LONG_CONTEXT.search(text)
    rows, tier, header, read = Rows("token_prices"), "", list[str](), set[str]()
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("#"):
            heading = HEADING.fullmatch(line)
            tier, header = TIERS.get(heading["tier"].lower(), "") if heading else "", []
        if not tier or not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not header:
            header = cells if cells[0] == "Model" else []
        elif not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            read.add(tier)
            long_tokens = int(stated[1]) * 1000 if stated else None
            _add(rows, number, tier, header, cells, long_tokens)
    if "standard" not in read:
        raise PayloadError("the page has no table of models under the heading 'Standard pricing data'")
    return {"token_prices": rows}


def _add(
    rows: Rows, number: int, tier: str, header: list[str], cells: list[str], long_tokens: int | None
) -> None:
    if len(cells) != len(header):
        rows.reject(f"line {number}", f"{len(cells)} cells under {len(header)} columns", host_raw=HOST)
        return
    band = BAND.search(cells[0])
    model = BAND.sub("", cells[0]).strip("`")
    if band:
        long_tokens = int(band[1]) * 1000
    for name, cell in zip(header, cells, strict=True):
        column = COLUMN.fullmatch(name)
        if column is None or cell in NOT_OFFERED:
            continue
        is_long = (column["length"] or "").lower() == "long"
        known = {
            "host_raw": HOST,
            "model_raw": model,
            "service_tier": tier,
            "component": COMPONENTS[column["price"].lower()],
            "min_context_tokens": long_tokens if is_long else 0,
        }
        amount = decimal(cell) if cell.startswith("$") else None
        if amount is None or amount == 0:
            rows.reject(f"line {number}/{name}", f"not a price in USD: {cell}", **known)
        elif is_long and long_tokens is None:
            rows.reject(
                f"line {number}/{name}", "the prompt length from which it applies is not stated", **known
            )
        else:
            rows.add(f"line {number}/{name}", **known, usd_amount=amount)
