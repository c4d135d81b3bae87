"""Charts as Vega-Lite specifications, and the tables and files of their numbers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

from warehouse.report import say
from warehouse.report.content import Legend, Table
from warehouse.report.market import Point, Row

COLOURS: Final = tuple(f"var(--series-{number})" for number in range(1, 7))
"""Okabe-Ito hues; the page's style sets them, so that one chart serves light, dark and print."""

DASHES: Final = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3), (5, 5), (1, 4))
"""A second sign beside colour, for grey print and for eyes that mix hues."""

SHORTEST_LINE_RATIO: Final = 0.012
"""A run shorter than this share of the time shown is drawn as a dot."""

MOST_TIME_TICKS: Final = 5

SHAPES: Final = {"peak": "triangle-up", "trough": "triangle-down", "latest": "circle"}

LABEL_PLACES: Final[Mapping[str, tuple[int, int, Literal["center", "right"]]]] = {
    "peak": (0, -13, "center"),
    "trough": (0, 16, "center"),
    "latest": (4, -13, "right"),
}
"""Offset of a label from its mark in pixels, and its alignment: the latest stands at the right edge."""

INK, FAINT, GRID, PAGE = "var(--ink)", "var(--faint)", "var(--grid)", "var(--page)"

CHART_CONFIG: Final = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "mark": {"aria": False},
    "axis": {
        "aria": False,
        "labelColor": FAINT,
        "titleColor": FAINT,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "domainColor": GRID,
        "tickColor": GRID,
        "gridColor": GRID,
        "labelOverlap": True,
    },
}


@dataclass(frozen=True)
class Mark:
    """A corner with a name and a label."""

    series: str
    kind: str
    day: date
    value: float
    label: str


def step_chart(
    points: Sequence[Point],
    series: Sequence[str],
    y_title: str,
    *,
    marks: Sequence[Mark] = (),
    height: int,
    is_log: bool = False,
    is_zero_based: bool = True,
    days: tuple[date, date] | None = None,
    values: tuple[float, float] | None = None,
    y_format: str = ",~f",
    is_choosable: bool = False,
) -> dict[str, Any]:
    """A Vega-Lite chart of step lines: a value holds until the next corner; runs are not joined. A band is
    drawn between low and high, where points have them; ``values`` bounds what is seen of it."""
    import altair as alt

    first, last = days or (min(p.day for p in points), max(p.day for p in points))
    low, high = values or bounds(points)
    ticks: Any = log_ticks(low, high) if is_log else alt.Undefined
    scale = (
        alt.Scale(type="log", domain=[low / 1.25, high * 1.25], nice=False)
        if is_log
        else alt.Scale(domain=[0 if is_zero_based else low, high * (1.08 if marks else 1)], nice=True)
    )
    # The first layer alone states scale and axis; layers that repeat them would be merged with it.
    full_x = alt.X(
        "day:T",
        title=None,
        scale=alt.Scale(type="utc", domain=[_utc(alt, first), _utc(alt, last)]),
        axis=alt.Axis(format="%b %Y", tickCount=_time_ticks(alt, first, last), grid=False),
    )
    full_y = alt.Y(
        "value:Q",
        title=y_title,
        scale=scale,
        axis=alt.Axis(
            values=ticks, tickCount=5, format=y_format, titleAngle=0, titleAlign="left", titleX=0, titleY=-12
        ),
    )
    x, y = alt.X("day:T"), alt.Y("value:Q")
    colour = alt.Color("series:N", legend=None, scale=scale_of(alt, series, COLOURS))
    dash = alt.StrokeDash("series:N", legend=None, scale=scale_of(alt, series, DASHES))
    corners = [
        {
            "series": p.series,
            "run": f"{p.line}/{p.run}",
            "day": p.day.isoformat(),
            "value": float(f"{p.value:.6g}"),
            "on": say.day(p.day),
            "what": p.hint,
        }
        for p in points
    ]
    lone = _too_short_to_see(points, corners, (last - first).days)
    titles = {"series": "line", "on": "day", "value": y_title, "what": "which"}
    hints = [alt.Tooltip(name, type="nominal", title=title) for name, title in titles.items()]
    rows_of = Rows()
    seen: dict[str, Any] = {}
    if is_choosable:
        chosen = "chosen === '' || datum.series === chosen"
        seen["opacity"] = alt.condition(chosen, alt.value(1), alt.value(0.15))
    layers = [
        alt.Chart(rows_of.named(corners))
        .mark_line(interpolate="step-after", strokeWidth=2.2, clip=True)
        .encode(x=full_x, y=full_y, color=colour, strokeDash=dash, detail="run:N", **seen),
        alt.Chart(rows_of.named(corners))
        .mark_circle(size=90, opacity=0, clip=True)
        .encode(x=x, y=y, tooltip=hints),
    ]
    band = [
        {**corner, "low": p.low, "high": p.high}
        for corner, p in zip(corners, points, strict=True)
        if p.low is not None and p.high is not None
    ]
    if band:
        layers.append(
            alt.Chart(rows_of.named(band))
            .mark_area(interpolate="step-after", opacity=0.2, clip=True)
            .encode(x=x, y="low:Q", y2="high:Q", color=colour, detail="run:N")
        )
    if lone:
        layers.append(
            alt.Chart(rows_of.named(lone)).mark_circle(size=24, opacity=1).encode(x=x, y=y, color=colour)
        )
    if marks:
        shape = alt.Shape(
            "kind:N", legend=None, scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values()))
        )
        layers.append(
            alt.Chart(rows_of.named([_marked(mark) for mark in marks]))
            .mark_point(filled=True, size=90, opacity=1, stroke=PAGE, strokeWidth=1)
            .encode(x=x, y=y, color=colour, shape=shape)
        )
    for kind, (dx, dy, align) in LABEL_PLACES.items():
        labels = [_marked(mark) for mark in marks if mark.kind == kind and mark.label]
        if labels:
            layers.append(
                alt.Chart(rows_of.named(labels))
                .mark_text(dx=dx, dy=dy, align=align, fontSize=12, fontWeight="bold", fill=INK)
                .encode(x=x, y=y, text="label:N")
            )
    chart = alt.layer(*layers).properties(width="container", height=height)
    if is_choosable:
        chart = chart.add_params(alt.param(name="chosen", value=""))
    return finished(chart, rows_of)


def _too_short_to_see(points: Sequence[Point], corners: Sequence[Row], days: int) -> list[Row]:
    """Corners at the start of runs that a line would show as less than a dot."""
    ends: dict[tuple[str, int], date] = {(p.line, p.run): p.day for p in points}
    starts: dict[tuple[str, int], tuple[date, Row]] = {}
    for p, corner in zip(points, corners, strict=True):
        starts.setdefault((p.line, p.run), (p.day, corner))
    return [
        corner
        for run, (start, corner) in starts.items()
        if (ends[run] - start).days <= SHORTEST_LINE_RATIO * days
    ]


def _time_ticks(alt: Any, first: date, last: date) -> Any:
    """At most six, at the start of months."""
    months = (last - first).days / 30.4
    for step in (1, 2, 3, 6):
        if months / step <= MOST_TIME_TICKS:
            return alt.TimeIntervalStep(interval="month", step=step)
    return alt.TimeIntervalStep(interval="year", step=math.ceil(months / 12 / MOST_TIME_TICKS))


def bounds(points: Sequence[Point]) -> tuple[float, float]:
    """Lowest and highest of the values and their bands."""
    return (
        min(p.value if p.low is None else min(p.low, p.value) for p in points),
        max(p.value if p.high is None else max(p.high, p.value) for p in points),
    )


def _marked(mark: Mark) -> Row:
    return {**asdict(mark), "day": mark.day.isoformat()}


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between the bounds, with 2 and 5 between them where that leaves few."""
    steps = (1, 2, 5) if high / low < 100 else (1,)
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    return [float(f"{step}e{decade}") for decade in decades for step in steps]


class Rows:
    """What the layers of one chart draw, each list once. Altair refers to it by name and need not walk it."""

    def __init__(self) -> None:
        self.datasets: dict[str, Sequence[Mapping[str, Any]]] = {}

    def named(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        import altair as alt

        name = next((name for name, known in self.datasets.items() if known is rows), None)
        if name is None:
            name = f"rows-{len(self.datasets)}"
            self.datasets[name] = rows
        return alt.NamedData(name=name)


def finished(chart: Any, rows: Rows) -> dict[str, Any]:
    """The specification of ``chart``. A test validates what is made here, so that no run need to."""
    spec: dict[str, Any] = chart.to_dict(validate=False)
    return {
        **spec,
        "datasets": rows.datasets,
        "config": CHART_CONFIG,
        "autosize": {"type": "fit-x", "contains": "padding"},
    }


def scale_of(alt: Any, series: Sequence[str], signs: Sequence[Any]) -> Any:
    return alt.Scale(domain=list(series), range=[signs[i % len(signs)] for i in range(len(series))])


def legend(names: Iterable[str]) -> tuple[Legend, ...]:
    return tuple(
        Legend(name, COLOURS[i % len(COLOURS)], " ".join(str(part) for part in DASHES[i % len(DASHES)]))
        for i, name in enumerate(names)
    )


def _utc(alt: Any, day: date) -> Any:
    return alt.DateTime(year=day.year, month=day.month, date=day.day, utc=True)


def by_month(points: Sequence[Point], unit: str) -> Table:
    """The value of each series at the end of each month; empty where its line is broken then."""
    runs: dict[tuple[str, str, int], list[Point]] = {}
    for point in points:
        runs.setdefault((point.series, point.line, point.run), []).append(point)
    series = list(dict.fromkeys(point.series for point in points))
    cells: dict[date, dict[str, str]] = {}
    for (name, _, _), corners in runs.items():
        month = corners[0].day.replace(day=1)
        while month <= corners[-1].day:
            next_month = (month + timedelta(days=31)).replace(day=1)
            last = [corner for corner in corners if corner.day < next_month][-1]
            cells.setdefault(month, {})[name] = say.usd(last.value)
            month = next_month
    rows = [
        (say.month(month), *(cells[month].get(name, "") for name in series))
        for month in sorted(cells, reverse=True)
    ]
    return Table(("Month", *series), rows, frozenset(series), unit)


def steps_table(
    points: Sequence[Point],
    unit: str,
    what: str = "",
    worded: Callable[[float], str] = say.usd,
    band: str = "",
    dated: Callable[[date], str] = say.day,
) -> Table:
    """Every corner at which a line starts or moves, newest first; ``band`` titles low and high."""
    moves: list[Point] = []
    last: dict[tuple[str, int], tuple[Any, ...]] = {}
    for point in points:
        stands = (point.value, point.hint, point.low, point.high)
        if last.get((point.line, point.run)) != stands:
            moves.append(point)
        last[point.line, point.run] = stands
    moves.sort(key=lambda point: (point.day, point.series), reverse=True)
    columns = (
        "Month" if dated is say.month else "Day",
        "Series",
        *([what] if what else []),
        unit,
        *([band] if band else []),
    )
    rows = [
        (
            dated(p.day),
            p.series,
            *([p.hint] if what else []),
            worded(p.value),
            *([span(p.low, p.high, worded)] if band else []),
        )
        for p in moves
    ]
    return Table(columns, rows, frozenset((unit, band)))


def span(low: Any, high: Any, worded: Callable[[Any], str]) -> str:
    return "–" if low is None or high is None else f"{worded(low)} to {worded(high)}"


def numbers(points: Sequence[Point], unit: str) -> str:
    """CSV of the corners of the lines, with formulas defused; low and high where a line has a band."""
    has_band = any(p.low is not None for p in points)
    return csv_of(
        ("series", "line", "run", "date", unit, "detail", *(("low", "high") if has_band else ())),
        (
            (p.series, p.line, p.run, p.day, f"{p.value:.9g}", p.hint)
            + (
                tuple("" if bound is None else f"{bound:.9g}" for bound in (p.low, p.high))
                if has_band
                else ()
            )
            for p in points
        ),
    )


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV text; a cell that a spreadsheet would take for a formula is quoted."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([say.inert(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()
