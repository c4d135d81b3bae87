"""CoreWeave: the GPU table of its price page.

Publisher: CoreWeave, https://www.coreweave.com/pricing (no licence stated); USD per instance-hour, most
instances with eight GPUs. The table is made of blocks: a row per instance, seven cells for name, GPU count,
memory, vCPUs, main memory, storage and the instance's price. Seen 2025 by two others; layout of 2026 not
seen. Counts carry footnote marks (4 with a raised 1); prices on request are no figures.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bs4 import Tag

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decimal, read_html

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://www.coreweave.com/pricing"
ARCHIVED_PAGES = {"": URL}
ROW, CELL, NAME = "table-row", "table-v2-cell", "table-model-name"
"""Classes of a row, of its cells and of the name inside the first cell."""
GPU_TABLE = "kubernetes-gpu-pricing"
"""Part of the class of the rows of the GPU table."""
PRICE_LABEL = re.compile(r"instance price|price per hour", re.IGNORECASE)
COUNT_CELL, MEMORY_CELL, VCPU_CELL, RAM_CELL, PRICE_CELL = 1, 2, 3, 4, 6
NUMBER = re.compile(r"\$?\s*([\d,]*\d(?:\.\d+)?)")
PRICE = re.compile(r"\$\s*([\d,]*\d(?:\.\d+)?)")


def fetch(http: Http) -> None:
    """One page."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The page to `gpu_offers`: one row per instance with a price.

    Key: instance name and GPU count. Rows without a count or a figure for the price are passed over. Raises
    PayloadError when the page has no GPU rows, no label for a price by the hour, rows of another number of
    cells, or no price.
    """
    soup = read_html(body)
    if not PRICE_LABEL.search(soup.get_text(" ")):
        raise PayloadError("no label for an instance price per hour on the page")
    table = [
        row for row in soup.find_all(class_=ROW) if GPU_TABLE in " ".join(row.get_attribute_list("class"))
    ]
    if not table:
        raise PayloadError(f"no {ROW} of a class with {GPU_TABLE} on the page")
    rows = Rows("gpu_offers")
    has_price = False
    for number, row in enumerate(table):
        cells = row.find_all(class_=CELL)
        if len(cells) <= PRICE_CELL:
            raise PayloadError(f"row {number} of the GPU table has {len(cells)} cells, not {PRICE_CELL + 1}")
        name = row.find(class_=NAME) or cells[0]
        texts = [_text(cell) for cell in cells]
        count, price = NUMBER.match(texts[COUNT_CELL]), PRICE.match(texts[PRICE_CELL])
        if not count or not price:
            continue
        has_price = True
        gpu = _text(name)
        rows.add(
            f"row {number}",
            offer_key=f"{gpu}/{count[1]}x",
            provider_raw="coreweave",
            gpu_raw=gpu,
            gpu_count=decimal(count[1]),
            gpu_memory_gb=_number(texts[MEMORY_CELL]),
            instance_type=gpu,
            purchase_type="on_demand",
            usd_per_hour=decimal(price[1]),
            native_price=decimal(price[1]),
            vcpus=_number(texts[VCPU_CELL]),
            memory_gb=_number(texts[RAM_CELL]),
        )
    if not has_price:
        raise PayloadError("the GPU table has no price")
    return {"gpu_offers": rows}


def _text(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def _number(text: str) -> str | None:
    found = NUMBER.match(text)
    return str(decimal(found[1]) or "") or None if found else None
