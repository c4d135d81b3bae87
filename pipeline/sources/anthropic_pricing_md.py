"""Anthropic's price page: list prices of the Claude models, standard and batch.

Publisher: Anthropic, https://platform.claude.com/docs/en/about-claude/pricing.md. The page as Markdown, one
reading a day; no licence is stated. Seen 2026-09 in copies: a footnote's digit is glued to a price ("$0.25
/ MTok1"); notes stand behind the model's name (retired elsewhere, deprecated, a day, a prompt length);
one-hour cache writes and the fast mode have columns and tables of their own and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://platform.claude.com/docs/en/about-claude/pricing.md"
ARCHIVED_PAGES = {"": URL}
HOST = "anthropic"
TABLES = {
    "standard": {
        "base input tokens": "input",
        "5m cache writes": "cache_write",
        "cache hits and refreshes": "cache_read",
        "output tokens": "output",
    },
    "batch": {"batch input": "input", "batch output": "output"},
}
"""Service tier to the columns of its table and their components. A table that lacks one is another table."""
PRICE = re.compile(r"\$(?P<usd>[\d,]+(?:\.\d+)?)\s*/\s*MTok(?:\d|<sup>.{1,20}</sup>)?")
LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
MARKUP = re.compile(r"<[^>]*>|\*\*")
NOTE = re.compile(r"\([^()]*\)$")
BAND = re.compile(r"for prompts (?P<side>up to|over) (?P<tokens>[\d,]+) tokens")
DAY = re.compile(r"(?P<side>through|until|starting|from) (?P<day>[A-Z][a-z]+ \d{1,2}, \d{4})")
NOT_STATED = frozenset({"", "-", "—", "N/A"})


def fetch(http: Http) -> None:
    """The page, one request."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:
    """The page to `token_prices`: one row per model, service tier, prompt length band and component.

    Key: model as the page names it, without its notes; USD per million tokens. Passed over: models retired
    from this interface. Rejected: prices of another day and cells that are no price. Raises PayloadError when
    the page does not hold both tables.
    """
    rows = Rows("token_prices")
    tables = list(_tables(body))
    # Only the first table says so, the batch table lists them all the same.
    names = [_named(cells[0]) for table in tables for _, cells in table]
    retired = {model for model, note in names if note.startswith("(retired")}
    for tier, columns in TABLES.items():
        found = [table for table in tables if table[0][1][0] == "model" and set(columns) <= set(table[0][1])]
        if not found or not found[0][1:]:
            raise PayloadError(f"the page has no table with the columns {', '.join(columns)}")
        (_, header), *lines = found[0]
        for number, cells in lines:
            if len(cells) != len(header):
                fault = f"{len(cells)} cells under {len(header)} columns"
                rows.reject(f"line {number}", fault, host_raw=HOST)
            elif _named(cells[0])[0] not in retired:
                _add(rows, number, tier, dict(zip(header, cells, strict=True)), context.observed_at)
    return {"token_prices": rows}


def _add(rows: Rows, number: int, tier: str, cells: dict[str, str], now: datetime) -> None:
    model, note = _named(cells["model"])
    band, dated = BAND.search(note), DAY.search(note)
    known = {"host_raw": HOST, "model_raw": model, "service_tier": tier}
    start, end = _days(dated)
    if (start and start > now) or (end and end <= now):
        rows.reject(f"line {number}", f"of another day: {note}", **known)
        return
    for column, component in TABLES[tier].items():
        cell = cells.get(column, "")
        if cell in NOT_STATED:
            continue
        price = PRICE.fullmatch(cell)
        if price is None:
            rows.reject(f"line {number}/{column}", f"not a price per million tokens: {cell}", **known)
            continue
        rows.add(
            f"line {number}/{column}",
            **known,
            component=component,
            usd_amount=decimal(price["usd"]),
            min_context_tokens=band["tokens"].replace(",", "") if band and band["side"] == "over" else 0,
            effective_from=start,
            effective_to=end,
        )


def _named(cell: str) -> tuple[str, str]:
    """A model's name and the notes behind it: a parenthesis, or words on days."""
    label = " ".join(MARKUP.sub(" ", LINK.sub(r"\1", cell)).split())
    ends = [found.start() for found in (NOTE.search(label), DAY.search(label)) if found]
    return (label[: min(ends)].strip(" ("), label[min(ends) :]) if ends else (label, "")


def _days(dated: re.Match[str] | None) -> tuple[datetime | None, datetime | None]:
    """First instant a price holds and first it no longer does."""
    if not dated:
        return None, None
    try:
        day = datetime.strptime(dated["day"], "%B %d, %Y").replace(tzinfo=UTC)
    except ValueError:
        return None, None
    return (day, None) if dated["side"] in ("starting", "from") else (None, day + timedelta(days=1))


def _tables(body: bytes) -> Iterator[list[tuple[int, list[str]]]]:
    """Every Markdown table: (line number, cells) of its header, in lower case, and of each row."""
    table: list[tuple[int, list[str]]] = []
    for number, line in enumerate([*body.decode("utf-8", "replace").splitlines(), ""], start=1):
        if line.lstrip().startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not table:
                cells = [" ".join(cell.lower().replace("&", "and").split()) for cell in cells]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                table.append((number, cells))
        elif table:
            yield table
            table = []
