"""Crusoe: the cards of its price page.

Publisher: Crusoe, https://crusoe.ai/cloud/pricing/ (no licence stated); USD per GPU-hour. One card per GPU:
heading, tags for memory and form, the on-demand price, then the reserved one. Seen 2026-05 to 2026-09 by
others: newer GPUs show "Contact sales" where the price belongs; a reader that looks for the next price on the
page gives them the price of the card after them (GB200 at H200's 4.29), so each card is read by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bs4 import Tag
from bs4.element import NavigableString

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, read_html

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://crusoe.ai/cloud/pricing/"
ARCHIVED_PAGES = {"": URL}
HEADING, TAG = "pricing-item-heading", "pricing-tag"
"""Classes of a card's heading and of its tags."""
PRICE = re.compile(r"\$(\d+(?:\.\d+)?)\s*/\s*GPU-hr", re.IGNORECASE)
ON_REQUEST = re.compile(r"contact (sales|us)", re.IGNORECASE)
MEMORY = re.compile(r"(\d+) ?GB", re.IGNORECASE)
FORM = re.compile(r"SXM\d*|PCIe|HGX|OAM|NVL\d*", re.IGNORECASE)


def fetch(http: Http) -> None:
    """One page."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The page to `gpu_offers`: one row per card with an on-demand price; gpu_count is 1.

    Key: GPU and tags. A card whose first figure is "Contact sales" has none and is passed over; reserved
    prices, whose term the page does not give, are too. Raises PayloadError when the page has no card or no
    price.
    """
    soup = read_html(body)
    headings = soup.find_all(class_=HEADING)
    if not headings:
        raise PayloadError(f"no heading of class {HEADING} on the page")
    rows = Rows("gpu_offers")
    has_price = False
    for number, heading in enumerate(headings):
        tags, texts = _card(heading)
        slots = [text for text in texts if PRICE.search(text) or ON_REQUEST.search(text)]
        price = PRICE.search(slots[0]) if slots else None
        if not price:
            continue
        has_price = True
        name = " ".join(heading.get_text(" ").split())
        memory = next((found for tag in tags if (found := MEMORY.fullmatch(tag))), None)
        form = next((tag for tag in tags if FORM.fullmatch(tag)), None)
        rows.add(
            f"card {number}",
            offer_key="/".join((name, *tags)),
            provider_raw="crusoe",
            gpu_raw=name,
            gpu_count=1,
            gpu_memory_gb=memory[1] if memory else None,
            interconnect_raw=form,
            purchase_type="on_demand",
            usd_per_hour=price[1],
            native_price=price[1],
        )
    if not has_price:
        raise PayloadError("no card with a price per GPU-hr on the page")
    return {"gpu_offers": rows}


def _card(heading: Tag) -> tuple[list[str], list[str]]:
    """(tags, texts) between this heading and the next."""
    tags: list[str] = []
    texts: list[str] = []
    for node in heading.next_elements:
        if isinstance(node, Tag):
            classes = node.get_attribute_list("class")
            if HEADING in classes:
                break
            if TAG in classes:
                tags.append(" ".join(node.get_text(" ").split()))
        elif isinstance(node, NavigableString) and node.strip():
            texts.append(node.strip())
    return tags, texts
