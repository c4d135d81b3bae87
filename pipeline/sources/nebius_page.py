"""Nebius: the tables of its price page.

Publisher: Nebius, https://nebius.com/prices (no licence stated); USD per GPU-hour. The page carries its
tables as arrays of texts inside the JSON of `__NEXT_DATA__`. Seen 2026-05 to 2026-09 by others: one table of
preemptible and one of other prices stand on the page with the same names (H100 1.25 and 2.95), rows have one
price or two (committed before on-demand), "from" marks the lowest of several sizes, "Contact us" no price. A
reader that takes the first table takes the preemptible one, so nothing is read whose column does not say what
it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, read_html

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://nebius.com/prices"
ARCHIVED_PAGES = {"": URL}
DATA_ID = "__NEXT_DATA__"
GPU = re.compile(r"^(?:NVIDIA|AMD) ")
PRICE = re.compile(r"^(from )?\$(\d+(?:\.\d+)?)", re.IGNORECASE)
KINDS = (
    (re.compile(r"preempt|spot", re.IGNORECASE), "spot"),
    (re.compile(r"commit|reserve", re.IGNORECASE), "reserved"),
    (re.compile(r"on.?demand|pay.?as.?you.?go", re.IGNORECASE), "on_demand"),
)
"""What the label of a column or table says about the kind of sale."""
DEEPEST = 60
"""Levels of nesting followed; the page has some 20."""


def fetch(http: Http) -> None:
    """One page."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The page to `gpu_offers`: one row per GPU and price column; gpu_count is 1.

    Key: GPU and kind of sale. The kind is what the label of the column says, or else that of the table; where
    neither does, it is unstated. Columns of commitments, whose term the page does not give, are passed over.
    Raises PayloadError when the page has no page data or no table of GPUs and prices.
    """
    soup = read_html(body)
    script = soup.find("script", id=DATA_ID)
    if script is None:
        raise PayloadError(f"no script {DATA_ID} on the page")
    try:
        data = json.loads(script.get_text())
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"{DATA_ID} is not JSON: {error}") from error
    rows = Rows("gpu_offers")
    has_price = False
    for number, (label, table) in enumerate(_tables(data)):
        header = [] if _names_gpu(table[0]) else table[0]
        for line, cells in enumerate(table):
            if not _names_gpu(cells):
                continue
            for place, cell in enumerate(cells[1:], start=1):
                price = PRICE.match(cell)
                if not price:
                    continue
                has_price = True
                kind = _kind(*header[place : place + 1], label)
                if kind == "reserved":
                    continue
                rows.add(
                    f"table {number}/row {line}/cell {place}",
                    offer_key=f"{cells[0]}/{kind}",
                    provider_raw="nebius",
                    gpu_raw=cells[0],
                    gpu_count=1,
                    purchase_type=kind,
                    price_statistic="minimum" if price[1] else "offer",
                    usd_per_hour=price[2],
                    native_price=price[2],
                )
    if not has_price:
        raise PayloadError("no table of GPUs with prices in the page data")
    return {"gpu_offers": rows}


def _kind(*labels: str) -> str:
    """The kind of sale in the first label that names any; unstated where it names several or none does."""
    for label in labels:
        named = [kind for pattern, kind in KINDS if pattern.search(label)]
        if named:
            return named[0] if len(named) == 1 else "unstated"
    return "unstated"


def _tables(node: Any, label: str = "", depth: int = 0) -> Iterator[tuple[str, list[list[str]]]]:
    """Arrays of arrays of texts that name a GPU, each with the texts that stand next to it.

    At any depth; texts that hold JSON are opened.
    """
    if depth > DEEPEST:
        return
    if isinstance(node, str) and node.lstrip()[:1] in ("[", "{"):
        try:
            node = json.loads(node)
        except (ValueError, RecursionError):
            return
    if isinstance(node, dict):
        texts = (child for child in node.values() if isinstance(child, str) and child[:1] not in ("[", "{"))
        label = " ".join(texts) or label
        for child in node.values():
            yield from _tables(child, label, depth + 1)
    elif isinstance(node, list) and all(_is_line(line) for line in node) and any(map(_names_gpu, node)):
        yield label, [[cell.strip() for cell in line] for line in node]
    elif isinstance(node, list):
        for child in node:
            yield from _tables(child, label, depth + 1)


def _is_line(node: Any) -> bool:
    return isinstance(node, list) and all(isinstance(cell, str) for cell in node)


def _names_gpu(line: list[str]) -> bool:
    return bool(line) and bool(GPU.match(line[0].strip()))
