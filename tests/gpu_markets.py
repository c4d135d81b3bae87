"""Small GPU rental markets, and the index worked out from its definition in plain Python.

Shares nothing with sql/: what both agree on follows from the methodology, not from common code.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import fmean, median
from typing import Any, Final

import polars as pl

GPU: Final = "h100-sxm-80gb"
FIRST_MONTH: Final = date(2024, 1, 1)
DAYS: Final = (5, 20)
"""Days of a month on which a market is read."""
WINDOW_MONTHS: Final = 25
FEWEST_SELLERS: Final = 3


@dataclass(frozen=True)
class Offer:
    """One thing on sale: USD per accelerator-hour in each month it is there, months counted from 0."""

    seller: str
    key: str
    usd: Mapping[int, float]
    source: str = "sooddvs_gpu_pricing"
    segment: str = "neocloud"
    gpu: str = GPU
    purchase_type: str = "on_demand"
    months: int = 0

    @property
    def series(self) -> str:
        return f"{self.segment}/{self.purchase_type}/{self.months}/{self.gpu}"


def month_start(number: int) -> date:
    return date(
        FIRST_MONTH.year + (FIRST_MONTH.month - 1 + number) // 12,
        (FIRST_MONTH.month - 1 + number) % 12 + 1,
        1,
    )


def tables(
    offers: Iterable[Offer], factor: Callable[[Offer, date], float] | None = None
) -> dict[str, pl.DataFrame]:
    """The two daily tables the index stands on: each offer read on two days of its months, none an outlier.

    ``factor`` moves the price of a month on single days.
    """
    daily = [
        {
            "price_date": day,
            "source_id": offer.source,
            "offer_key": offer.key,
            "provider_id": offer.seller,
            "segment": offer.segment,
            "gpu_id": offer.gpu,
            "gpu_family": "h100",
            "purchase_type": offer.purchase_type,
            "commitment_months": offer.months,
            "price_statistic": "offer",
            "usd_per_gpu_hour": usd * (factor(offer, day) if factor else 1.0),
            "evidence": "polled",
            "last_observed_at": datetime.combine(day, datetime.min.time()),
        }
        for offer in offers
        for month, usd in offer.usd.items()
        for day in (month_start(month).replace(day=number) for number in DAYS)
    ]
    cells: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    shared = (
        "price_date",
        "provider_id",
        "gpu_id",
        "segment",
        "purchase_type",
        "commitment_months",
        "source_id",
    )
    for row in daily:
        cells[tuple(row[name] for name in shared)].append(row)
    prices = [
        dict(zip(shared, key, strict=True))
        | {
            "min_usd_per_gpu_hour": min(row["usd_per_gpu_hour"] for row in rows),
            "median_usd_per_gpu_hour": median(row["usd_per_gpu_hour"] for row in rows),
            "price_statistic": "offer",
            "offer_count": len(rows),
            "last_observed_at": rows[0]["last_observed_at"],
            "age_days": 0,
            "is_outlier": False,
            "is_index_input": True,
            "status": "final",
        }
        for key, rows in cells.items()
    ]
    return {"fct_gpu_offer_prices_daily": pl.DataFrame(daily), "gpu_prices_daily": pl.DataFrame(prices)}


def relatives(
    offers: Iterable[Offer], weights: Mapping[str, float] | None = None
) -> dict[tuple[int, int], float]:
    """ln J(s, t): the weighted mean over sellers of the mean over matched offers of ln p(t) - ln p(s)."""
    moves: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for offer in offers:
        for earlier, was in offer.usd.items():
            for later, now in offer.usd.items():
                if earlier < later < earlier + WINDOW_MONTHS:
                    moves[earlier, later][offer.seller].append(math.log(now / was))
    found = {}
    for pair, sellers in moves.items():
        if len(sellers) >= FEWEST_SELLERS:
            weight = {seller: (weights or {}).get(seller, 1.0) for seller in sellers}
            total = sum(weight[seller] * fmean(changes) for seller, changes in sellers.items())
            found[pair] = total / sum(weight.values())
    return found


def sellers_by_month(offers: Iterable[Offer]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for offer in offers:
        for month in offer.usd:
            found[month].add(offer.seller)
    return dict(found)


def linked_index(
    offers: Sequence[Offer], weights: Mapping[str, float] | None = None
) -> dict[int, tuple[int, float]]:
    """Base month and ln index of each month: the mean over linked months of what stood there plus ln J."""
    known = relatives(offers, weights)
    sellers = sellers_by_month(offers)
    index: dict[int, tuple[int, float]] = {}
    for month in sorted(month for month, there in sellers.items() if len(there) >= FEWEST_SELLERS):
        links = [earlier for earlier in index if (earlier, month) in known]
        if not links:
            index[month] = (month, 0.0)
            continue
        base = min(index[earlier][0] for earlier in links)
        chosen = [earlier for earlier in links if index[earlier][0] == base]
        index[month] = (base, fmean(index[earlier][1] + known[earlier, month] for earlier in chosen))
    return index


def geks_index(offers: Sequence[Offer]) -> dict[int, float]:
    """ln index by the book: GEKS over each window of 25 months, mean splice on what was published.

    Needs a link between every two months of a window.
    """
    known = relatives(offers)

    def link(one: int, other: int) -> float:
        if one == other:
            return 0.0
        return known[one, other] if one < other else -known[other, one]

    index: dict[int, float] = {}
    for month in sorted(sellers_by_month(offers)):
        window = [earlier for earlier in index if earlier > month - WINDOW_MONTHS] + [month]

        def geks(one: int, other: int, window: Sequence[int] = window) -> float:
            return fmean(link(one, between) + link(between, other) for between in window)

        index[month] = (
            fmean(index[earlier] + geks(earlier, month) for earlier in window[:-1]) if index else 0.0
        )
    return index
