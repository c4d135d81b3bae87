"""Epoch AI hardware prices: dated rental and purchase prices of accelerators, collected from archived pages.

Publisher: Epoch AI, github.com/epoch-research/training-cost-trends `data/Hardware prices.csv` (CC BY), 2010
to 2025-03; USD. Rental is per chip-hour, on demand and under 1- and 3-year commitments; purchase is per chip,
its share of a server included. Seen 2026-11: 236 rows are copied from the Full Stack cloud table, some under
a wrong day (Latitude.sh 4.40 as of 2023-06-22, listed from 2023-10-31 on) or chip (P100 as Tesla P4);
Google's GPU price pages ask for the accelerator without the machine it is attached to; a few rows cite a page
archived months away from their day; RunPod's hosts of both kinds stand unmarked in one list; the vendor of a
purchase price is never filled in, only the page.
"""

from __future__ import annotations

import re
from datetime import date

from pipeline.parsing import Context, Parsed, Rows, decimal, read_csv

PARSER_VERSION = 1
RENTALS = {
    "Price per chip-hour (on-demand)": ("on_demand", None),
    "Price per chip-hour (1-year CUD)": ("reserved", 12),
    "Price per chip-hour (3-year CUD)": ("reserved", 36),
}
"""Column to kind of sale and commitment in months."""
PURCHASE = "Price (hardware purchase)"
COLUMNS = (
    "Price source",
    "Price date",
    "Hardware model",
    "Vendor",
    "Location",
    "Notes",
    "Cloud GPU description",
    "Number of GPUs",
    PURCHASE,
    *RENTALS,
)
PEER_MARKETS = {"vast.ai": "unstated", "Salad": "community"}
"""Vendors of other people's machines; vast.ai's cited pages show one headline figure per card."""
ARCHIVED = re.compile(r"web\.archive\.org/web/(\d{8})?\d*/?")
PAGE = re.compile(r"(?:https?://)+(?:www\.)?([^/]+)")
LARGEST_GAP_DAYS = 31
"""A rental page archived further away than this from the row's day is no witness of that day's price."""
ESTIMATE = re.compile(r"estimat|taking the average| - \$", re.IGNORECASE)
"""In the notes of purchase prices that nobody asked: outcomes of a model, the middle of a range."""
MACHINE = re.compile(r"\b(N[CD]\d+\w*(?: A100)?(?: v\d)?|p\d\w*\.\w+|a\d-\w+-\w+)")
CARD_MEMORY = re.compile(r"(?:^|\(|^[AH]\d+ )(\d+) ?GB")
"""Where the description starts with it, alone or behind the chip, or puts it in brackets; not "58GB RAM"."""


def parse(body: bytes, context: Context) -> Parsed:
    """The table to `gpu_offers`, a row per rental price, and `hardware_prices`, one per purchase price.

    Keys: vendor, chip, size, place, machine and term; page, chip, server size and description. A rental price
    is multiplied back to the machine where its size is stated (to the cent per chip, so p4d is 32.80, not
    32.77), else it is that of one chip. A reading covers one chip at one vendor (reading_scope): a dated row
    says nothing of the vendor's other chips. Rejected: rows copied from the Full Stack table, accelerators
    priced without a machine, rates of a training-cost table, prices without a source or with one of another
    time. Raises PayloadError when the body is not this table.
    """
    del context
    offers, purchases = Rows("gpu_offers"), Rows("hardware_prices")
    for line, raw in read_csv(body, COLUMNS):
        if set(COLUMNS) - raw.keys():
            offers.reject(f"line {line}", "the line is cut short")
            continue
        row = {name: " ".join(value.split()) for name, value in raw.items()}
        vendor, chip, about = row["Vendor"], row["Hardware model"], row["Cloud GPU description"]
        if row[PURCHASE]:
            _add_purchase(purchases, f"line {line}", row)
        fault, size = _fault(row), decimal(row["Number of GPUs"] or "1")
        machine = MACHINE.search(f"{about} {row['Notes']}")
        memory = CARD_MEMORY.search(about) or re.search(r"(\d+) ?GB", chip)
        for column, (purchase_type, months) in RENTALS.items():
            if not row[column]:
                continue
            position, per_chip = f"line {line}/{purchase_type}{months or ''}", decimal(row[column])
            price = per_chip * size if per_chip and size else None
            if fault:
                offers.reject(position, fault, provider_raw=vendor, gpu_raw=chip, usd_per_hour=price)
                continue
            shape = (vendor, chip, f"{size}x", row["Location"], machine[1] if machine else "")
            offers.add(
                position,
                observed_at=f"{row['Price date']}T00:00:00Z",
                reading_scope=f"{vendor}/{chip}",
                offer_key="/".join((*shape, f"{purchase_type}{months or ''}")),
                provider_raw=vendor,
                gpu_raw=chip,
                gpu_count=size,
                gpu_memory_gb=float(memory[1]) if memory else None,
                instance_type=machine[1] if machine else None,
                region_raw=row["Location"] or None,
                purchase_type=PEER_MARKETS.get(vendor, purchase_type),
                commitment_months=months,
                usd_per_hour=price,
                native_price=price,
            )
    return {"gpu_offers": offers, "hardware_prices": purchases}


def _fault(row: dict[str, str]) -> str:
    """Why this is no rental price of that vendor on that day; empty where it is."""
    source, archived = row["Price source"], ARCHIVED.search(row["Price source"])
    day = _day(row["Price date"])
    if day is None:
        return "no date"
    if "the-full-stack" in source:
        return "copied from the Full Stack cloud table, which is read at its own dates"
    if row["Vendor"] == "Google Cloud" and re.search(r"/compute/(gpus-)?pricing", source):
        return "price of the accelerator alone; the machine it is attached to is billed besides"
    if "pre-train" in row["Notes"]:
        return "rate used in a table of training costs, not a list price"
    archive_day = _day(archived[1]) if archived and archived[1] else None
    if archive_day and abs((day - archive_day).days) > LARGEST_GAP_DAYS:
        return f"the cited page was archived more than {LARGEST_GAP_DAYS} days away from the price's day"
    return ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _add_purchase(purchases: Rows, position: str, row: dict[str, str]) -> None:
    page = PAGE.search(ARCHIVED.sub("", row["Price source"]))
    chip, notes = row["Hardware model"], row["Notes"]
    known = {
        "seller_raw": page[1] if page else None,
        "gpu_raw": chip,
        "gpu_count": row["Number of GPUs"] or None,
        "description_raw": f"{row['Cloud GPU description']} {notes}".strip() or None,
        "usd_per_gpu": row[PURCHASE],
    }
    if not page:
        purchases.reject(position, f"names no page as its source: {row['Price source']!r}", **known)
        return
    purchases.add(
        position,
        observed_at=f"{row['Price date']}T00:00:00Z",
        reading_scope=f"{known['seller_raw']}/{chip}",
        evidence="estimate" if ESTIMATE.search(notes) else None,
        **known,
    )
