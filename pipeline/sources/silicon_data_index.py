"""Silicon Data's GPU rental index as a public repository wrote it down day by day, 2026-03-06 to 2026-07-15.

Publisher of the levels: Silicon Data (silicondata.com), a commercial index: for comparison on your own
machine only, never to be passed on and never in a figure of ours. Collector:
github.com/joshhmckee/gpu-rental-prices `gpu_prices.csv` (no licence stated); USD per GPU-hour. Frozen: give
the file with --file. Seen 2026-11: the collector clicked through a page and did not wait for its next tab,
so a cell may repeat its left neighbour, and 1.0 stands for tabs that were not there at all; once a cell
repeats another, none of its line is sure. From 2026-07-16 on the cells are empty.
"""

from __future__ import annotations

from itertools import pairwise

from pipeline.parsing import Context, Parsed, Rows, read_csv

PARSER_VERSION = 1
INDICES = (
    "hyperscaler-H100",
    "hyperscaler-A100",
    "neocloud-H100",
    "neocloud-A100",
    "neocloud-B200",
    "neocloud-MI300X",
)
"""Columns in the order in which the page was read: segment and accelerator."""


def parse(body: bytes, context: Context) -> Parsed:  # noqa: ARG001 - one signature for all sources
    """The table to `reference_index_levels`, one row per day and index; each line is a reading of its day.

    Key: index and day. Lines without levels, and those in which two neighbours are equal, are rejected whole.
    Raises PayloadError when the body is not this CSV.
    """
    rows = Rows("reference_index_levels")
    for line, row in read_csv(body, ("date", *INDICES)):
        levels = [row.get(index, "") for index in INDICES]
        day = row.get("date", "")
        if not any(levels):
            rows.reject(f"line {line}", "no level on this day", level_date=day)
            continue
        if any(left and left == right for left, right in pairwise(levels)):
            rows.reject(f"line {line}", "two neighbours are equal: the page had not changed", level_date=day)
            continue
        for index, level in zip(INDICES, levels, strict=True):
            segment, _, gpu = index.partition("-")
            rows.add(
                f"line {line}/{index}",
                index_raw=index,
                segment_raw=segment,
                gpu_raw=gpu,
                level_date=day,
                usd_per_gpu_hour=level,
                observed_at=f"{day}T00:00:00Z",
            )
    return {"reference_index_levels": rows}
