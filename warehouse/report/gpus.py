"""What accelerators rent for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from warehouse.report import say
from warehouse.report.charts import COLOURS, Mark, by_month, legend, numbers, step_chart
from warehouse.report.content import Fact, Figure, Part, Section, Table
from warehouse.report.market import LONGEST_BRIDGED_DAYS, Market, Row

LONGEST_CARRIED_DAYS: Final = 35
"""A level older than this is called old: no posted price is taken to hold longer."""

_H100_SERIES: Final = """
    select *
    from marts.h100_rental_decline
    order by
        purchase_type <> 'on_demand', purchase_type, commitment_months, segment,
        age_days > ?, observed_days desc, series_id
"""

_H100_LEVELS: Final = """
    select
        series_id as series, series_id as line, price_date as day, smoothed_usd_per_gpu_hour as value,
        null as model_id, null as model_raw, null as host_id
    from marts.gpu_price_trends_daily
    where smoothed_day_count >= 14 and list_contains(?, series_id)
"""


def rental(market: Market) -> Part:
    """H100 by segment and kind of sale: one small chart each, its series by form, the legs of the longest."""
    section = ("h100", "What an H100 rents for")
    known = market.has("marts.h100_rental_decline", "marts.gpu_price_trends_daily")
    series = market.rows(_H100_SERIES, LONGEST_CARRIED_DAYS) if known else []
    if not series:
        return Section(*section, missing="This release holds no H100 rental series."), []
    published = [row for row in series if row["status"] != "suppressed"]
    points = market.points(_H100_LEVELS, [row["series_id"] for row in published])
    panels: dict[str, list[Row]] = {}
    for row in published:
        panels.setdefault(_market_of(row), []).append(row)
    figures: list[Figure] = []
    for panel, rows in panels.items():
        names = {row["series_id"]: market.name("gpu", row["gpu_id"]) for row in rows[: len(COLOURS)]}
        mine = [replace(point, series=names[point.line]) for point in points if point.line in names]
        if not mine:
            continue
        figures.append(
            Figure(
                f"chart-h100-{len(figures) + 1}",
                f"{panel.capitalize()}: peak, trough and latest",
                " ".join(
                    f"{names[row['series_id']]}: {_leg_words(row)}"
                    for row in rows
                    if row["series_id"] in names
                ),
                step_chart(
                    mine,
                    list(names.values()),
                    "USD per GPU-hour",
                    marks=[
                        mark
                        for row in rows
                        if row["series_id"] in names
                        for mark in _legs(names[row["series_id"]], row, is_labelled=row is rows[0])
                    ],
                    days=(min(point.day for point in points), max(point.day for point in points)),
                    height=260,
                ),
                legend(names.values()),
                by_month(mine, "USD per GPU-hour on the last day of the month that has one"),
                numbers=numbers(mine, "usd_per_gpu_hour"),
                explained=_explained(rows[0]),
            )
        )
    leads = {
        rows[0]["segment"]: rows[0] for rows in panels.values() if rows[0]["purchase_type"] == "on_demand"
    }
    facts = [
        Fact(
            f"H100 hour on demand, {segment}",
            say.usd(row["latest_usd_per_gpu_hour"]),
            f"{say.change(row['drawdown_ratio'])} from {say.usd(row['peak_usd_per_gpu_hour'])} in "
            f"{say.month(row['peak_date'])}; {market.name('gpu', row['gpu_id'])}, {_seen(row)}",
            _explained(row),
        )
        for segment, row in leads.items()
    ]
    lead = (
        " ".join(f"{segment.capitalize()}, on demand: {_leg_words(row)}" for segment, row in leads.items())
        + " The charts show the 28-day median of the median over sellers, each seller counting once; ▲ peak, "
        f"▼ lowest since, ● latest. A line breaks where more than {LONGEST_BRIDGED_DAYS} days have no price. "
        "Segments, kinds of sale and forms are never blended."
    )
    tables = [_headline(market, published), _suppressed(market, series)]
    return Section(*section, lead.strip(), tuple(figures), tuple(filter(None, tables)), is_grid=True), facts


def _headline(market: Market, published: Sequence[Row]) -> Table | None:
    rows = []
    for row in published:
        remarks = [row["status"]]
        if row["is_left_censored"]:
            remarks.append("the record starts at its peak")
        if row["is_trough_confirmed"] is False:
            remarks.append("running low: no trough confirmed")
        if row["is_thin"]:
            remarks.append("thin: few sellers")
        rows.append(
            (
                _market_of(row),
                market.name("gpu", row["gpu_id"]),
                say.usd(row["latest_usd_per_gpu_hour"]),
                f"{say.day(row['latest_date'])}, {say.age(row['age_days'])}",
                f"{say.usd(row['peak_usd_per_gpu_hour'])} {say.month(row['peak_date'])}",
                say.change(row["drawdown_ratio"]),
                say.change(row["matched_drawdown_ratio"]),
                f"{say.usd(row['trough_usd_per_gpu_hour'])} {say.month(row['trough_date'])}",
                say.change(row["rebound_ratio"]),
                "; ".join(remarks),
            )
        )
    if not rows:
        return None
    return Table(
        (
            "Segment, sold as",
            "GPU",
            "Latest level",
            "As of",
            "Peak",
            "Since peak",
            "Since peak, same sellers",
            "Lowest since",
            "Since lowest",
            "Status",
        ),
        rows,
        frozenset(
            ("Latest level", "Peak", "Since peak", "Since peak, same sellers", "Lowest since", "Since lowest")
        ),
        "H100 series with enough data, USD per GPU-hour.",
    )


def _suppressed(market: Market, series: Sequence[Row]) -> Table | None:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in series:
        if row["status"] == "suppressed":
            groups.setdefault((_market_of(row), row["status_reason"] or ""), []).append(row)
    if not groups:
        return None
    return Table(
        ("Segment, sold as", "GPU", "Seen", "Why it is suppressed"),
        [
            (
                sold_as,
                "; ".join(market.name("gpu", row["gpu_id"]) for row in rows),
                f"{say.day(min(row['first_date'] for row in rows))} to "
                f"{say.day(max(row['last_date'] for row in rows))}",
                reason,
            )
            for (sold_as, reason), rows in groups.items()
        ],
        caption="H100 series with too little data for a number.",
    )


def _legs(series: str, row: Row, is_labelled: bool) -> list[Mark]:
    """Peak, trough and latest. A trough at the price of the latest is the latest."""
    marks = []
    for kind in ("peak", "trough", "latest"):
        day, usd = row[f"{kind}_date"], row[f"{kind}_usd_per_gpu_hour"]
        if day is not None and not (
            kind == "trough" and say.usd(usd) == say.usd(row["latest_usd_per_gpu_hour"])
        ):
            marks.append(Mark(series, kind, day, float(usd), say.usd(usd) if is_labelled else ""))
    return marks if marks[0].day != marks[-1].day else marks[-1:]


def _leg_words(row: Row) -> str:
    words = f"{say.usd(row['latest_usd_per_gpu_hour'])}, {_seen(row)}"
    if row["peak_date"] == row["latest_date"]:
        return words + ", its peak."
    peak = "the start of the record" if row["is_left_censored"] else "the peak"
    words += (
        f", {say.change(row['drawdown_ratio'])} since {peak} ({say.usd(row['peak_usd_per_gpu_hour'])} in "
        f"{say.month(row['peak_date'])}"
    )
    if row["matched_drawdown_ratio"] is not None and row["matched_provider_count"] > 1:
        words += f"; {say.change(row['matched_drawdown_ratio'])} at the sellers there on both days"
    words += ")"
    if row["is_trough_confirmed"]:
        words += (
            f", {say.change(row['rebound_ratio'])} since the trough "
            f"({say.usd(row['trough_usd_per_gpu_hour'])} in {say.month(row['trough_date'])})"
        )
    return words + "."


def _explained(row: Row) -> str:
    return say.explained("h100_rental_decline", series_id=row["series_id"])


def _seen(row: Row) -> str:
    """Day of the latest level, with its age where that is more than a posted price may be carried."""
    old = f", {say.age(row['age_days'])} old" if row["age_days"] > LONGEST_CARRIED_DAYS else ""
    return f"as of {say.day(row['latest_date'])}{old}"


def _market_of(row: Row) -> str:
    term = f" for {row['commitment_months']} months" if row["commitment_months"] else ""
    return f"{row['segment']}, {say.words(row['purchase_type'])}{term}"
