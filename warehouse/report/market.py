"""The marts of one release, as the pages ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

import duckdb

Row = dict[str, Any]

LONGEST_BRIDGED_DAYS: Final = 7
"""A line of prices breaks where more days than this have none."""

IS_OWN_HOST: Final = "(lab_id, host_id) in (select (lab_id, own_host_id) from core.dim_labs)"
"""Whether the provider is the lab's own interface."""

MODEL_PRICES: Final = f"""
    select
        price_date, source_id, model_id, model_raw, host_id,
        coalesce({IS_OWN_HOST}, false) as is_own_host,
        cast(blended_usd_per_mtok as double) as blended_usd_per_mtok
    from marts.token_prices_daily
    where is_primary and blended_usd_per_mtok > 0
"""
"""One price of each model at each host and day, as the mart chose it; USD per million tokens, 3:1."""

OVERALL: Final = """
    select scores.*
    from marts.leaderboard_scores_daily as scores
    semi join (
        select leaderboard, category, metric
        from marts.leaderboard_scores_daily
        where category = 'overall' and score_unit = 'elo'
        group by all
        order by count(distinct score_date) desc, leaderboard, metric
        limit 1
    ) as longest using (leaderboard, category, metric)
    where not scores.is_withdrawn
"""
"""The overall ranking published on most days; no other category, metric or board is mixed into it, and no
entry that its publisher took back."""


@dataclass(frozen=True)
class Point:
    """One corner of a step line. A new ``line`` or ``run`` is drawn apart from the one before; ``low`` and
    ``high`` bound the band around it, where it has one."""

    series: str
    line: str
    run: int
    day: date
    value: float
    hint: str = ""
    low: float | None = None
    high: float | None = None


@dataclass
class Market:
    """The marts of one release, and the readable names of what they hold."""

    connection: duckdb.DuckDBPyConnection
    _names: dict[str, dict[str, str]] = field(default_factory=dict)

    def has(self, *tables: str) -> bool:
        known = self.connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
        ).fetchall()
        return {(table,) for table in tables} <= set(known)

    def rows(self, query: str, *parameters: Any) -> list[Row]:
        result = self.connection.execute(query, list(parameters))
        columns = [column[0] for column in result.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def name(self, kind: str, key: str | None, otherwise: str | None = None) -> str:
        """Name of a gpu, provider, model or lab; ``otherwise`` or the id where no dimension row has it."""
        if kind not in self._names:
            table = f"core.dim_{kind}s"
            found = self.rows(f"select {kind}_id, {kind}_name from {table}") if self.has(table) else []
            self._names[kind] = {row[f"{kind}_id"]: row[f"{kind}_name"] for row in found}
        return self._names[kind].get(key or "") or otherwise or key or "not resolved"

    def points(self, query: str, *parameters: Any, bridged: int = LONGEST_BRIDGED_DAYS) -> list[Point]:
        """Corners of the step lines that ``query`` describes by series, line, day, value, model_id,
        model_raw and host_id: the first and last day of every run and each day on which something moved.
        """
        return [
            Point(
                row["series"],
                row["line"],
                row["run"],
                row["day"],
                float(row["value"]),
                ", ".join(
                    ([self.name("model", row["model_id"], row["model_raw"])] if row["model_raw"] else [])
                    + ([f"sold by {self.name('provider', row['host_id'])}"] if row["host_id"] else [])
                ),
            )
            for row in self.rows(_CORNERS.format(query=query), *parameters, bridged, bridged)
        ]


def monthly(rows: Sequence[Row]) -> list[Point]:
    """Corners of the lines of ``rows``: series, line, month (its first day), value and perhaps low, high and
    hint, in the order of line and month. A value holds to the last day of its month; where a month is
    missing or has no value, its line breaks."""
    points: list[Point] = []
    run = 0
    open_until: dict[str, date] = {}
    published = [row for row in rows if row["value"] is not None]
    for row, after in zip(published, [*published[1:], None], strict=False):
        month, line = row["month"], row["line"]
        next_month = following(month)
        if open_until.get(line) != month:
            run += 1
        open_until[line] = next_month
        corner = Point(
            row["series"],
            line,
            run,
            month,
            float(row["value"]),
            row.get("hint") or "",
            None if row.get("low") is None else float(row["low"]),
            None if row.get("high") is None else float(row["high"]),
        )
        points.append(corner)
        if after is None or (after["line"], after["month"]) != (line, next_month):
            points.append(replace(corner, day=next_month - timedelta(days=1)))
    return points


def following(month: date) -> date:
    """First day of the month after."""
    return (month + timedelta(days=31)).replace(day=1)


_CORNERS: Final = """
    with asked as ({query}),
    numbered as (
        select
            *,
            coalesce(day - lag(day) over days - 1 > ?, true) as is_first,
            coalesce(lead(day) over days - day - 1 > ?, true) as is_last,
            (value, model_raw, host_id) is distinct from lag((value, model_raw, host_id)) over days
                as is_moved
        from asked
        window days as (partition by line order by day)
    )
    select *, sum(cast(is_first as integer)) over (partition by line order by day) as run
    from numbered
    where is_first or is_last or is_moved
    order by series, line, day
"""
