"""Made-up markets of tokens, and the price indices of their definition, worked out by brute force.

What belongs here: offers month by month and the arithmetic of docs/methodology.md in plain Python, slow and
without SQL. What does not: anything of sql/; these functions judge it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from statistics import fmean

import polars as pl

WINDOW_MONTHS = 25
FEWEST_MODELS, FEWEST_LABS = 10, 4

Levels = dict[int, float]
"""Month number to the logarithm of the index."""


@dataclass(frozen=True)
class Item:
    """One line of a catalogue: a model at a host, and its blended price in some months, in USD per Mtok."""

    lab: str
    model: str
    host: str
    prices: Mapping[int, float]
    line: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.lab, self.model, self.host, self.line)


def month(number: int) -> date:
    """First day of the month with that number; 0 is January 2024."""
    return date(2024 + number // 12, number % 12 + 1, 1)


def frame(items: Iterable[Item], unseen_months: Sequence[int] = ()) -> pl.DataFrame:
    """The items as rows of int_token_prices__monthly; input and output cost the same, so the blend does."""
    rows = [
        {
            "price_month": month(number),
            "source_id": "catalogue",
            "host_raw": item.host,
            "model_raw": item.model + item.line,
            "quantization": "",
            "host_id": item.host,
            "model_id": item.model,
            "lab_id": item.lab,
            "input_usd_per_mtok": price,
            "output_usd_per_mtok": price,
            "cache_read_usd_per_mtok": price,
            "context_tokens": 8192,
            "day_count": 28,
            "primary_day_count": 28,
            "is_seen": number not in unseen_months,
        }
        for item in items
        for number, price in item.prices.items()
    ]
    return pl.DataFrame(rows)


def reprice(items: Iterable[Item], price_of: Callable[[Item, int], float]) -> list[Item]:
    """The same items in the same months at other prices."""
    return [replace(item, prices={at: price_of(item, at) for at in item.prices}) for item in items]


def jevons(items: Sequence[Item], earlier: int, later: int) -> float | None:
    """Mean change of ln(price) with equal voices of lines, hosts, models, families and labs; None below the
    fewest models or labs. Here every model is a family of its own when its name is one word."""
    changes = {
        item.key: math.log(item.prices[later] / item.prices[earlier])
        for item in items
        if earlier in item.prices and later in item.prices
    }
    kept = {key: change for key, change in changes.items() if abs(change) < math.log(10) - 1e-9}
    if len({key[1] for key in kept}) < FEWEST_MODELS or len({key[0] for key in kept}) < FEWEST_LABS:
        return None
    tree = [(_path(key), change) for key, change in kept.items()]
    return _mean_of_groups(tree, 0)


def _path(key: tuple[str, str, str, str]) -> tuple[str, ...]:
    lab, model, host, line = key
    family = "".join(letter for letter in model.split("-")[0] if letter.isalpha())
    return (lab, family, model, host, line)


def _mean_of_groups(leaves: Sequence[tuple[tuple[str, ...], float]], depth: int) -> float:
    if depth == len(leaves[0][0]):
        return fmean(change for _, change in leaves)
    groups: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for path, change in leaves:
        groups.setdefault(path[depth], []).append((path, change))
    return fmean(_mean_of_groups(group, depth + 1) for group in groups.values())


def geks_levels(items: Sequence[Item], months: Sequence[int]) -> Levels:
    """GEKS-Jevons in full: every window its own matrix of detours, spliced by the mean of what is published.

    Raises AssertionError where two months of a window cannot be compared: the full formula needs them all.
    """

    @cache
    def direct(earlier: int, later: int) -> float:
        if earlier == later:
            return 0.0
        if earlier > later:
            return -direct(later, earlier)
        change = jevons(items, earlier, later)
        assert change is not None
        return change

    levels: Levels = {months[0]: 0.0}
    for at, last in enumerate(months[1:], start=1):
        window = months[max(0, at - WINDOW_MONTHS + 1) : at + 1]
        levels[last] = fmean(
            levels[earlier] + fmean(direct(earlier, third) + direct(third, last) for third in window)
            for earlier in window[:-1]
        )
    return levels
