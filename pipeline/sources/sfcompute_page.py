"""San Francisco Compute: the headline price of its home page.

Publisher: SF Compute, https://sfcompute.com/ (no licence stated); "Buy H100s from $x/hr", USD per GPU-hour,
the lowest ask of its market at the moment. Seen 2026-08 by others. One figure: what window and which machine
it is for is not said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, read_html

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = "https://sfcompute.com/"
ARCHIVED_PAGES = {"": URL}
HEADLINE = re.compile(r"Buy\s+([A-Z]+\d+)s?\s+from\s+\$\s?(\d+(?:\.\d+)?)\s?/\s?hr", re.IGNORECASE)


def fetch(http: Http) -> None:
    """One page."""
    http.get(URL)


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The page to `gpu_offers`: one row per accelerator in a headline; gpu_count is 1.

    Key: accelerator. A lowest price of an unstated kind of sale. Raises PayloadError when no headline has
    this form.
    """
    text = " ".join(read_html(body).get_text(" ").split())
    found = {match[1].upper(): match[2] for match in HEADLINE.finditer(text)}
    if not found:
        raise PayloadError('no headline "Buy <accelerator>s from $<price>/hr" on the page')
    rows = Rows("gpu_offers")
    for gpu, price in found.items():
        rows.add(
            f"headline {gpu}",
            offer_key=gpu,
            provider_raw="sfcompute",
            gpu_raw=gpu,
            gpu_count=1,
            purchase_type="unstated",
            price_statistic="minimum",
            usd_per_hour=price,
            native_price=price,
        )
    return {"gpu_offers": rows}
