"""What accelerators rent for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from warehouse.report import say
from warehouse.report.charts import (
    COLOURS,
    Mark,
    bounds,
    by_month,
    legend,
    numbers,
    span,
    step_chart,
    steps_table,
)
from warehouse.report.content import LIST_PRICES, Fact, Figure, Filter, Part, Section, Table
from warehouse.report.market import LONGEST_BRIDGED_DAYS, Market, Row, following, monthly

LONGEST_CARRIED_DAYS: Final = 35
"""A level older than this is called old: no posted price is taken to hold longer."""

_H100_SERIES: Final = """
    select *
    from marts.h100_rental_decline
    order by
        purchase_type <> 'on_demand', purchase_type, commitment_months,
        count(latest_usd_per_gpu_hour) over (partition by segment, purchase_type, commitment_months) desc,
        segment, age_days > ?, observed_days desc, series_id
"""

_LEVELS: Final = """
    select
        series_id as series, series_id as line, price_date as day, smoothed_usd_per_gpu_hour as value,
        null as model_id, null as model_raw, null as host_id
    from marts.gpu_price_trends_daily
    where smoothed_day_count >= 14 and list_contains(?, series_id)
"""

_LEGS: Final = """
    select *
    from marts.gpu_rental_legs
    where status <> 'suppressed' and list_contains(?, series_id)
    order by series_id, leg_number
"""

_INDEX: Final = """
    select
        *, series_id || '/' || base_month as line, index_month as month, index_value as value,
        index_low as low, index_high as high, count(index_value) over base as month_count,
        coalesce(family, gpu_id) as family
    from marts.gpu_rental_index_monthly
    left join (select gpu_id, family from core.dim_gpus) using (gpu_id)
    window base as (partition by series_id, base_month)
    order by family <> 'h100', family, segment, purchase_type, commitment_months, gpu_id, index_month
"""
"""Of a base with one month there is nothing to see: it is 100."""

_MONTHLY_LEVELS: Final = """
    select
        steps.*, series_id as line, price_month as month, level_usd_per_gpu_hour as value,
        coalesce(gpus.family, steps.gpu_id) as family
    from marts.gpu_rental_steps_monthly as steps
    left join core.dim_gpus as gpus using (gpu_id)
    where steps.status <> 'suppressed' and purchase_type = 'on_demand'
    order by
        coalesce(gpus.launch_date, date '1970-01-01') desc, family, steps.gpu_id, segment, series_id, month
"""

_LATEST: Final = """
    select
        trends.*, spread.dearest_to_cheapest_ratio, spread.cheapest_provider_id, spread.dearest_provider_id,
        coalesce(gpus.family, trends.gpu_id) as family
    from marts.gpu_price_trends_daily as trends
    left join core.dim_gpus as gpus using (gpu_id)
    left join (
        from marts.gpu_price_spread_daily where status <> 'suppressed'
    ) as spread using (price_date, series_id)
    where trends.status <> 'suppressed'
    qualify row_number() over (partition by trends.series_id order by trends.price_date desc) = 1
    order by
        coalesce(gpus.launch_date, date '1970-01-01') desc, family, trends.purchase_type <> 'on_demand',
        trends.purchase_type, trends.commitment_months, trends.segment, trends.gpu_id
"""


def rental(market: Market) -> Part:
    """H100 by segment and kind of sale: one small chart each, its series by form, the legs of the longest."""
    section = ("h100", "What an H100 rents for")
    known = market.has("marts.h100_rental_decline", "marts.gpu_price_trends_daily")
    series = market.rows(_H100_SERIES, LONGEST_CARRIED_DAYS) if known else []
    if not series:
        return Section(*section, missing="This release holds no H100 rental series."), []
    published = [row for row in series if row["status"] != "suppressed"]
    legs: dict[str, list[Row]] = {}
    if market.has("marts.gpu_rental_legs"):
        for leg in market.rows(_LEGS, [row["series_id"] for row in published]):
            legs.setdefault(leg["series_id"], []).append(leg)
    points = market.points(_LEVELS, [row["series_id"] for row in published])
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
                        for mark in _marks(
                            names[row["series_id"]],
                            row,
                            legs.get(row["series_id"], []),
                            is_labelled=row is rows[0],
                        )
                    ],
                    days=(min(point.day for point in points), max(point.day for point in points)),
                    height=260,
                ),
                legend(names.values()),
                by_month(mine, "USD per GPU-hour on the last day of the month that has one"),
                numbers(mine, "usd_per_gpu_hour"),
                "USD per GPU-hour",
                LIST_PRICES,
                say.day(max(point.day for point in mine)),
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
    tables = [_headline(market, published), _leg_table(market, legs), _suppressed(market, series)]
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
                f"{say.usd(row['trough_usd_per_gpu_hour'])} {say.month(row['trough_date'])}"
                if row["trough_date"]
                else "no fall yet",
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


def _marks(series: str, row: Row, legs: Sequence[Row], is_labelled: bool) -> list[Mark]:
    """Peak and trough of every leg, and the latest. One at the price of the latest is the latest."""
    latest = say.usd(row["latest_usd_per_gpu_hour"])
    marks = []
    for leg in legs:
        for kind in ("peak", "trough"):
            day, usd = leg[f"{kind}_date"], leg[f"{kind}_usd_per_gpu_hour"]
            if day is not None and not (leg["is_current"] and say.usd(usd) == latest):
                marks.append(Mark(series, kind, day, float(usd), say.usd(usd) if is_labelled else ""))
    end = Mark(
        series,
        "latest",
        row["latest_date"],
        float(row["latest_usd_per_gpu_hour"]),
        latest if is_labelled else "",
    )
    return [*marks, end]


def _leg_table(market: Market, legs: Mapping[str, Sequence[Row]]) -> Table | None:
    """Each leg of each series: from where it fell, how far, and what came after."""
    rows = [
        (
            _market_of(leg),
            market.name("gpu", leg["gpu_id"]),
            f"{leg['leg_number']}{' (now)' if leg['is_current'] else ''}",
            f"{say.day(leg['start_date'])} to {say.day(leg['end_date'])}",
            _on(leg, "peak") + (" (start of record)" if leg["is_left_censored"] else ""),
            _on(leg, "trough") if leg["trough_date"] else "no fall yet",
            say.change(leg["drawdown_ratio"]),
            say.change(leg["rebound_ratio"]),
            _half_life(leg),
            "; ".join(
                filter(
                    None,
                    (
                        leg["status"],
                        leg["status_reason"],
                        "trough confirmed" if leg["is_trough_confirmed"] else "",
                    ),
                )
            ),
        )
        for one in legs.values()
        for leg in one
    ]
    if not rows:
        return None
    columns = ("Segment, sold as", "GPU", "Leg", "From, to", "Peak", "Lowest", "Fall", "Rise since")
    return Table(
        (*columns, "Halved", "Status"),
        rows,
        frozenset(("Fall", "Rise since")),
        "Legs of the H100 series, USD per GPU-hour. A leg ends in a trough that stood a tenth below the "
        "price for 28 days afterwards.",
    )


def _on(leg: Row, kind: str) -> str:
    return f"{say.usd(leg[f'{kind}_usd_per_gpu_hour'])} on {say.day(leg[f'{kind}_date'])}"


def _half_life(leg: Row) -> str:
    if leg["half_life_days"] is not None:
        return f"in {say.count(leg['half_life_days'])} days"
    if leg["fitted_half_life_months"] is not None:
        return f"not yet; at the fitted rate in {say.months(leg['fitted_half_life_months'])}"
    return f"not yet; no rate: {leg['fit_reason']}" if leg["fit_reason"] else "not yet"


def matched_index(market: Market) -> Part:
    """The change of the same offers at the same sellers, one small chart for each family."""
    section = ("rental-index", "The matched index: what the same offers cost now")
    known = market.has("marts.gpu_rental_index_monthly", "core.dim_gpus")
    rows = market.rows(_INDEX) if known else []
    if not rows:
        return Section(*section, missing="This release holds no rental index."), []
    drawn = [row for row in rows if row["value"] is not None and row["month_count"] > 1]
    families = list(dict.fromkeys(row["family"] for row in drawn))
    days = (
        (min(row["month"] for row in drawn), max(following(row["month"]) for row in drawn)) if drawn else None
    )
    figures = []
    for family in families:
        mine = [row for row in drawn if row["family"] == family]
        for row in mine:
            row["series"] = f"{_market_of(row)}, {market.name('gpu', row['gpu_id'])}"
        points = monthly(mine)
        low, high = bounds(points)
        names = list(dict.fromkeys(row["series"] for row in mine))[: len(COLOURS)]
        points = [point for point in points if point.series in names]
        last = {row["series"]: row for row in mine if row["series"] in names}
        figures.append(
            Figure(
                f"chart-index-{family}",
                f"{family_name(family)}: matched index of rents",
                " ".join(f"{name}: {_index_words(row)}" for name, row in last.items()),
                step_chart(
                    points,
                    names,
                    "index, first month of a base = 100",
                    values=(min(low, 60), max(high, 120)),
                    is_zero_based=False,
                    days=days,
                    height=220,
                ),
                legend(names),
                steps_table(points, "Index", worded=say.index, band="90 % interval", dated=say.month),
                numbers(points, "index_value"),
                "index, 100 in the first month of each base; the band is its 90 % interval",
                LIST_PRICES,
                say.month(max(row["month"] for row in mine)),
                keys=(family_name(family),),
                explained=say.explained(
                    "gpu_rental_index_monthly",
                    series_id=last[names[0]]["series_id"],
                    index_month=last[names[0]]["month"],
                ),
            )
        )
    suppressed = (row["status_reason"] for row in rows if row["value"] is None)
    lead = (
        "The index moves by the prices of offers that a seller had in both months, so that nobody who comes "
        f"or goes moves it. Of {say.count(len(rows))} months of {len({row['series_id'] for row in rows})} "
        f"series, {sum(row['value'] is not None for row in rows)} have one. "
        + say.left_out("months", suppressed)
        + "A line starts anew where no seller links it to what was before; values of different bases do not "
        "compare."
    )
    missing = "" if figures else "No series has an index in two months of one base."
    choice = Filter("Show accelerator", {family_name(family): () for family in families})
    return (
        Section(
            *section,
            lead,
            tuple(figures),
            missing=missing,
            is_grid=True,
            choice=choice if len(families) > 1 else None,
        ),
        [],
    )


def _index_words(row: Row) -> str:
    return (
        f"{say.index(row['value'])} in {say.month(row['month'])} (90 % interval "
        f"{span(row['low'], row['high'], say.index)}; {row['matched_provider_count']} sellers), "
        f"100 in {say.month(row['base_month'])}."
    )


def families(market: Market) -> Part:
    """What each accelerator rents for: its level by month, and the latest of every series."""
    section = ("accelerators", "Every accelerator: level, change and spread")
    known = market.has(
        "marts.gpu_price_trends_daily",
        "marts.gpu_price_spread_daily",
        "marts.gpu_rental_steps_monthly",
        "core.dim_gpus",
    )
    rows = market.rows(_LATEST) if known else []
    if not rows:
        return Section(*section, missing="This release holds no rental price with enough sellers."), []
    levels = market.rows(_MONTHLY_LEVELS)
    span_shown = (
        (min(row["month"] for row in levels), max(following(row["month"]) for row in levels))
        if levels
        else None
    )
    figures = []
    for family in dict.fromkeys(row["family"] for row in levels):
        mine = [row for row in levels if row["family"] == family]
        for row in mine:
            row["series"] = f"{row['segment']}, {market.name('gpu', row['gpu_id'])}"
        names = list(dict.fromkeys(row["series"] for row in mine))[: len(COLOURS)]
        points = [point for point in monthly(mine) if point.series in names]
        latest = {row["series"]: row for row in mine if row["series"] in names}
        figures.append(
            Figure(
                f"chart-gpu-{family}",
                f"{family_name(family)} on demand",
                " ".join(
                    f"{name}: {say.usd(row['value'])} in {say.month(row['month'])}."
                    for name, row in latest.items()
                ),
                step_chart(points, names, "USD per GPU-hour", days=span_shown, height=200),
                legend(names),
                steps_table(points, "USD per GPU-hour", dated=say.month),
                numbers(points, "usd_per_gpu_hour"),
                "USD per GPU-hour",
                LIST_PRICES,
                say.month(max(row["month"] for row in mine)),
                keys=(family_name(family),),
                explained=say.explained(
                    "gpu_rental_steps_monthly",
                    series_id=latest[names[0]]["series_id"],
                    price_month=latest[names[0]]["month"],
                ),
            )
        )
    choices = {family_name(row["family"]): () for row in rows}
    lead = (
        f"{len(rows)} series of {len(choices)} accelerators have enough sellers for a level on some day. The "
        "charts show the level of each month, the median over its sellers, of those sold on demand, the "
        "newest first; sellers come and go, so a step may be one of them. The table has the last day of "
        "every series; a change there compares the same offers of the same sellers."
    )
    choice = Filter("Show accelerator", choices)
    return Section(*section, lead, tuple(figures), (_latest(market, rows),), is_grid=True, choice=choice), []


def _latest(market: Market, rows: Sequence[Row]) -> Table:
    columns = (
        "Level",
        "Middle half of sellers",
        "Same offers, 30 days",
        "Same offers, 365 days",
        "Sellers",
        "Dearest over cheapest",
    )
    return Table(
        ("GPU", "Segment, sold as", "As of", *columns, "Cheapest, dearest", "Status"),
        [
            (
                market.name("gpu", row["gpu_id"]),
                _market_of(row),
                say.day(row["price_date"]),
                say.usd(row["level_usd_per_gpu_hour"]),
                span(row["p25_usd_per_gpu_hour"], row["p75_usd_per_gpu_hour"], say.usd),
                say.change(row["change_30d_ratio"]),
                say.change(row["change_365d_ratio"]),
                say.count(row["provider_count"]),
                say.times(row["dearest_to_cheapest_ratio"]),
                ", ".join(
                    market.name("provider", row[f"{end}_provider_id"])
                    for end in ("cheapest", "dearest")
                    if row[f"{end}_provider_id"]
                )
                or "–",
                "; ".join(filter(None, (row["status"], row["status_reason"]))),
            )
            for row in rows
        ],
        frozenset(columns),
        "Last published day of every series, USD per GPU-hour; each seller counts once.",
        keys=tuple(family_name(row["family"]) for row in rows),
    )


def family_name(family: str) -> str:
    return family.replace("-", " ").upper()


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
