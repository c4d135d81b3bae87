"""The report: one HTML page that says where the market stands, readable without a network.

What belongs here: questions to the marts, and charts and words for the answers. What does not: prices,
indices and legs; sql/ computes them. One exception: the price of GPT-4-class tokens joins two marts and has
no mart of its own.

Names of models and sellers and vendors' error texts are foreign input. They reach the page through
autoescape, through JSON in which no `<` survives, or through CSV with formulas defused; the content security
policy of the page runs only the script whose hash it states and loads nothing.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import duckdb

from warehouse.errors import NoRelease
from warehouse.files import write_file
from warehouse.publish import current_release
from warehouse.query import connect
from warehouse.settings import settings

Row = dict[str, Any]

LONGEST_BRIDGED_DAYS: Final = 7
"""A line of prices breaks where more days than this have none."""
LONGEST_BRIDGED_SCORE_DAYS: Final = 45
"""The same for scores: boards are published weekly to monthly."""
LONGEST_BRIDGED_MONTH_DAYS: Final = 35
"""A line of one price a month breaks where a month is missing."""
LONGEST_CARRIED_DAYS: Final = 35
"""A level older than this is called old: no posted price is taken to hold longer."""
RECENT_STEPS: Final = {True: (365, 12), False: (90, 8)}
"""Days looked back on and steps shown, at labs' own interfaces (which move seldom) and at other sellers."""
FLAGSHIPS_PER_LAB: Final = 5
LABS: Final = (
    "openai",
    "anthropic",
    "google",
    "meta",
    "deepseek",
    "alibaba",
    "mistral",
    "xai",
    "moonshot",
    "zai",
)
"""Labs whose flagships are drawn, in page order."""
OWN_HOSTS: Final = {
    "alibaba": "alibaba-cloud",
    "amazon": "aws",
    "bytedance": "byteplus",
    "microsoft": "azure",
    "tencent": "tencent-cloud",
}
"""Provider that is a lab's own interface, where it has another id than the lab."""
GPT_4_ID: Final = "gpt-4"
GPT_4_NAME: Final = "gpt-4-0314"
"""The original GPT-4, whose score bounds the class; its turbo forms are models of their own."""
CHEAPEST: Final = "cheapest model of the class"
CLOSED, OPEN = "best closed model", "best open-weight model"
HALF: Final = 0.5
"""Utilisation at which margins are summed up."""
LARGEST_DOWNLOAD_BYTES: Final = 100_000

COLOURS: Final = tuple(f"var(--series-{number})" for number in range(1, 7))
"""Okabe-Ito hues; the page's style sets them, so that one chart serves light, dark and print."""
DASHES: Final = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3), (5, 5), (1, 4))
"""A second sign beside colour, for grey print and for eyes that mix hues."""
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
DRAW: Final = """
for (const block of document.querySelectorAll("script[type='application/json']")) {
  const place = document.getElementById(block.dataset.chart);
  const refuse = () => Promise.reject(new Error("this page loads nothing"));
  vegaEmbed(place, JSON.parse(block.textContent), {
    renderer: "svg", actions: false, ast: true, tooltip: {theme: "page", disableDefaultStyle: true},
    loader: {load: refuse, sanitize: refuse, http: refuse, file: refuse},
  }).catch((error) => {
    place.textContent = "This chart could not be drawn (" + error.message + "); its numbers are below.";
    console.error(error);
  });
}
"""
"""Runs last in the page. Expressions are interpreted, so that the policy need not allow `eval`."""


@dataclass(frozen=True)
class Table:
    """Cells are ready text; ``numeric`` names the columns set flush right, ``flags`` a style per row."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numeric: frozenset[str] = frozenset()
    caption: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Legend:
    name: str
    colour: str
    dash: str


@dataclass(frozen=True)
class Figure:
    """A chart and what must stand around it: words for those who cannot see it, its numbers, where from."""

    figure_id: str
    title: str
    description: str
    spec: Mapping[str, Any]
    legend: tuple[Legend, ...]
    table: Table
    note: str = ""
    download: str = ""
    """`data:` address of a CSV with the corners of the lines; empty where it would weigh too much."""


@dataclass(frozen=True)
class Section:
    """``missing`` says why there is nothing to show, where there is nothing."""

    section_id: str
    title: str
    lead: str = ""
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    missing: str = ""
    is_grid: bool = False


@dataclass(frozen=True)
class Fact:
    """One number of the summary at the top."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True)
class Point:
    """One corner of a step line. A new ``line`` or ``run`` is drawn apart from the one before."""

    series: str
    line: str
    run: int
    day: date
    value: float
    hint: str = ""


@dataclass(frozen=True)
class Mark:
    """A corner with a name and a label."""

    series: str
    kind: str
    day: date
    value: float
    label: str


@dataclass
class _Market:
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


def render(connection: duckdb.DuckDBPyConnection, release: Mapping[str, Any]) -> str:
    """The page for one release.

    ``connection`` has schemas core, marts and ops; ``release`` is its manifest: release_id, created_at,
    code_version, methodology_version, as_of. A mart that is empty or absent gives a section that says so.
    Raises duckdb.Error where a mart has lost a column that is read here.
    """
    import jinja2

    market = _Market(connection)
    parts = [
        part(market)
        for part in (_rental, _gpt_4_class, _flagships, _recent_steps, _frontier, _margins, _freshness)
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _script()
    return environment.get_template("report.html.j2").render(
        release=release,
        as_of=_instant(release["as_of"]),
        created_at=_instant(release["created_at"]),
        facts=[fact for _, facts in parts for fact in facts],
        sections=[section for section, _ in parts],
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def write_report(connection: duckdb.DuckDBPyConnection, release: Mapping[str, Any], path: Path) -> None:
    """Write the page to ``path``, whole or not at all."""
    page = render(connection, release)
    write_file(path, lambda temporary: temporary.write_text(page, encoding="utf-8"))


def draw_report() -> Path:
    """Write the page of the current release to its place and say where. Raises NoRelease where none is."""
    here = settings()
    release = current_release(here.releases, here.market)
    if release is None:
        raise NoRelease("nothing was published yet; `aimarket run` builds and publishes a release")
    with connect(release.path) as connection:
        write_report(connection, release.manifest, here.report)
    return here.report


_Part = tuple[Section, list[Fact]]


def _rental(market: _Market) -> _Part:
    """H100 by segment and kind of sale: one small chart each, its series by form, the legs of the longest."""
    section = ("h100", "What an H100 rents for")
    known = market.has("marts.h100_rental_decline", "marts.gpu_rental_levels_daily")
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
                _step_chart(
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
                _legend(names.values()),
                _by_month(mine, "USD per GPU-hour on the last day of the month that has one"),
                download=_download(mine, "usd_per_gpu_hour"),
            )
        )
    leads = {
        rows[0]["segment"]: rows[0] for rows in panels.values() if rows[0]["purchase_type"] == "on_demand"
    }
    facts = [
        Fact(
            f"H100 hour on demand, {segment}",
            _usd(row["latest_usd_per_gpu_hour"]),
            f"{_change(row['drawdown_ratio'])} from {_usd(row['peak_usd_per_gpu_hour'])} in "
            f"{_month(row['peak_date'])}; {market.name('gpu', row['gpu_id'])}, {_seen(row)}",
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
    from marts.gpu_rental_levels_daily
    where is_supported and list_contains(?, series_id)
"""


def _seen(row: Row) -> str:
    """Day of the latest level, with its age where that is more than a posted price may be carried."""
    old = f", {_age(row['age_days'])} old" if row["age_days"] > LONGEST_CARRIED_DAYS else ""
    return f"as of {_day(row['latest_date'])}{old}"


def _market_of(row: Row) -> str:
    term = f" for {row['commitment_months']} months" if row["commitment_months"] else ""
    return f"{row['segment']}, {_words(row['purchase_type'])}{term}"


def _headline(market: _Market, published: Sequence[Row]) -> Table | None:
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
                _usd(row["latest_usd_per_gpu_hour"]),
                f"{_day(row['latest_date'])}, {_age(row['age_days'])}",
                f"{_usd(row['peak_usd_per_gpu_hour'])} {_month(row['peak_date'])}",
                _change(row["drawdown_ratio"]),
                _change(row["matched_drawdown_ratio"]),
                f"{_usd(row['trough_usd_per_gpu_hour'])} {_month(row['trough_date'])}",
                _change(row["rebound_ratio"]),
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


def _suppressed(market: _Market, series: Sequence[Row]) -> Table | None:
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
                f"{_day(min(row['first_date'] for row in rows))} to "
                f"{_day(max(row['last_date'] for row in rows))}",
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
        if day is not None and not (kind == "trough" and _usd(usd) == _usd(row["latest_usd_per_gpu_hour"])):
            marks.append(Mark(series, kind, day, float(usd), _usd(usd) if is_labelled else ""))
    return marks if marks[0].day != marks[-1].day else marks[-1:]


def _leg_words(row: Row) -> str:
    words = f"{_usd(row['latest_usd_per_gpu_hour'])}, {_seen(row)}"
    if row["peak_date"] == row["latest_date"]:
        return words + ", its peak."
    peak = "the start of the record" if row["is_left_censored"] else "the peak"
    words += (
        f", {_change(row['drawdown_ratio'])} since {peak} ({_usd(row['peak_usd_per_gpu_hour'])} in "
        f"{_month(row['peak_date'])}"
    )
    if row["matched_drawdown_ratio"] is not None and row["matched_provider_count"] > 1:
        words += f"; {_change(row['matched_drawdown_ratio'])} at the sellers there on both days"
    words += ")"
    if row["is_trough_confirmed"]:
        words += (
            f", {_change(row['rebound_ratio'])} since the trough ({_usd(row['trough_usd_per_gpu_hour'])} in "
            f"{_month(row['trough_date'])})"
        )
    return words + "."


_IS_OWN_HOST: Final = "host_id = case lab_id {} else lab_id end".format(
    " ".join(f"when '{lab_id}' then '{host_id}'" for lab_id, host_id in OWN_HOSTS.items())
)
_MODEL_PRICES: Final = f"""
    select
        price_date, model_id, model_raw, host_id, {_IS_OWN_HOST} as is_own_host,
        cast(blended_usd_per_mtok as double) as blended_usd_per_mtok
    from marts.token_prices_daily
    where is_primary and blended_usd_per_mtok > 0
"""
"""One price of each model at each host and day, as the mart chose it; USD per million tokens, 3:1."""

_OVERALL: Final = """
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

_CLASS_PRICES: Final = f"""
    select
        '{CHEAPEST}' as series, '{CHEAPEST}' as line, price_date as day,
        cast(usd_per_mtok as double) as value, model_id, model_id as model_raw, host_id
    from marts.capability_prices_monthly
    where reference_model = '{GPT_4_NAME}' and status <> 'suppressed'
    qualify row_number() over (partition by price_date order by score_date desc, board_version) = 1
"""
"""One price a month; of two boards the one with the later snapshot."""

_FIRST_GPT_4_PRICE: Final = f"""
    select price_date as day, blended_usd_per_mtok as value
    from ({_MODEL_PRICES})
    where model_id = '{GPT_4_ID}' and is_own_host
    order by price_date
    limit 1
"""


def _gpt_4_class(market: _Market) -> _Part:
    """The lowest price of a model that the same snapshot rates at least as high as GPT-4."""
    section = ("gpt-4-class", "What a GPT-4-class token costs")
    known = market.has("marts.capability_prices_monthly", "marts.token_prices_daily")
    points = market.points(_CLASS_PRICES, bridged=LONGEST_BRIDGED_MONTH_DAYS) if known else []
    if not points:
        missing = "This release holds no price of a model that a leaderboard rates at least as high as GPT-4."
        return Section(*section, missing=missing), []
    start, now = points[0], points[-1]
    drawn, fall = [CHEAPEST], ""
    for gpt_4 in market.rows(_FIRST_GPT_4_PRICE):
        name = f"GPT-4 itself in {_month(gpt_4['day'])}"
        drawn.append(name)
        points += [Point(name, name, 1, day, gpt_4["value"]) for day in (gpt_4["day"], now.day)]
        fall = f"{gpt_4['value'] / now.value:,.0f} times cheaper than GPT-4 at {_usd(gpt_4['value'])}: "
    figure = Figure(
        "chart-gpt-4-class",
        f"Cheapest GPT-4-class model: {_usd(start.value)} a million tokens in "
        f"{_month(start.day)}, {_usd(now.value)} in {_month(now.day)}",
        f"On {_day(now.day)} the cheapest was {now.hint}, at {_usd(now.value)} a million tokens.",
        _step_chart(points, drawn, "USD per million tokens", is_log=True, height=280),
        _legend(drawn),
        _steps_table(points, "USD per million tokens", "Offer"),
        "Logarithmic scale. Rest on a step to see which offer it is.",
        _download(points, "blended_usd_per_mtok"),
    )
    lead = (
        "The lowest list price of a model that the Arena board rates at least as high as the original GPT-4 "
        "in the same snapshot, three parts input to one part output, at the end of each month. A price "
        "counts where the lab itself asks it, or another seller asks no more; slips of two weeks and free "
        "offers do not. Models newer than the last snapshot are not in the class."
    )
    fact = Fact("A million GPT-4-class tokens", _usd(now.value), f"{fall}{now.hint}; as of {_day(now.day)}")
    return Section(*section, lead, (figure,)), [fact]


_FLAGSHIPS: Final = f"""
    with best as (
        select models.lab_id, overall.model_id, overall.score_date
        from ({_OVERALL}) as overall
        join core.dim_models as models using (model_id)
        where list_contains(?, models.lab_id)
        qualify row_number() over (
            partition by overall.score_date, overall.board_version, models.lab_id
            order by overall.score desc, overall.model_raw
        ) = 1
    )
    select lab_id, model_id
    from best
    where model_id in (select model_id from ({_MODEL_PRICES}))
    group by lab_id, model_id
    qualify row_number() over (partition by lab_id order by max(score_date) desc, model_id) <= ?
    order by lab_id, min(score_date), model_id
"""

_FLAGSHIP_PRICES: Final = f"""
    with chosen as (
        select *
        from ({_MODEL_PRICES})
        where list_contains(?, model_id)
        qualify is_own_host or not bool_or(is_own_host) over (partition by model_id)
    )
    select
        model_id as series, model_id as line, price_date as day, median(blended_usd_per_mtok) as value,
        model_id, null as model_raw, min(host_id) filter (is_own_host) as host_id
    from chosen
    group by all
"""


def _flagships(market: _Market) -> _Part:
    """One small chart per lab: what its best-ranked models have cost."""
    section = ("tokens", "Token prices of the flagship models")
    tables = ("marts.leaderboard_scores_daily", "marts.token_prices_daily", "core.dim_models")
    chosen = market.rows(_FLAGSHIPS, list(LABS), FLAGSHIPS_PER_LAB) if market.has(*tables) else []
    points = market.points(_FLAGSHIP_PRICES, [row["model_id"] for row in chosen]) if chosen else []
    if not points:
        return Section(*section, missing="This release holds no token price of a ranked model."), []
    own = {point.series for point in points if point.hint}
    days = (min(point.day for point in points), max(point.day for point in points))
    values = (min(point.value for point in points), max(point.value for point in points))
    figures = []
    for lab_id in LABS:
        models = [row["model_id"] for row in chosen if row["lab_id"] == lab_id]
        mine = [point for point in points if point.series in models]
        if not mine:
            continue
        lab = market.name("lab", lab_id)
        names = {
            id_: market.name("model", id_) + ("" if id_ in own else ", median of hosts") for id_ in models
        }
        mine = [replace(point, series=names[point.series]) for point in mine]
        latest = {point.series: point for point in mine}
        figures.append(
            Figure(
                f"chart-tokens-{lab_id}",
                f"{lab} flagships: price of a million tokens",
                " ".join(f"{name}: {_usd(p.value)} on {_day(p.day)}." for name, p in latest.items()),
                _step_chart(
                    mine,
                    list(names.values()),
                    "USD per million tokens",
                    is_log=True,
                    days=days,
                    values=values,
                    height=220,
                ),
                _legend(names.values()),
                _steps_table(mine, "USD per million tokens"),
                download=_download(mine, "blended_usd_per_mtok"),
            )
        )
    lead = (
        "A lab's flagships are its models that led its entries on the Arena board in some snapshot; the last "
        f"{FLAGSHIPS_PER_LAB} with a known price are drawn. Three parts input to one part output, at the "
        "lab's own interface, or the median of hosts where the lab sells none. All charts share one "
        "logarithmic scale."
    )
    return Section(*section, lead, tuple(figures), is_grid=True), []


_RECENT_STEPS: Final = f"""
    with steps as (
        select *, coalesce({_IS_OWN_HOST}, false) as is_own_host, max(change_date) over () as last_date
        from marts.token_price_changes
        join core.dim_models using (model_id)
        where step_kind = 'change' and component in ('input', 'output') and service_tier = 'standard'
            and old_usd_per_mtok > 0 and new_usd_per_mtok > 0
    )
    select *
    from steps
    where is_own_host = ? and change_date > last_date - cast(? as integer)
    qualify row_number() over (
        partition by host_id, model_id order by abs(ln(ratio)) desc, change_date desc, component, model_raw
    ) = 1
    order by abs(ln(ratio)) desc, change_date desc, model_raw, host_id
    limit ?
"""


def _recent_steps(market: _Market) -> _Part:
    section = ("steps", "Biggest recent steps of token prices")
    known = market.has("marts.token_price_changes", "core.dim_models")
    tables = []
    for is_own_host, (days, count) in RECENT_STEPS.items():
        rows = market.rows(_RECENT_STEPS, is_own_host, days, count) if known else []
        if rows:
            where = "At labs' own interfaces" if is_own_host else "At other sellers"
            caption = f"{where}, {days} days to {_day(rows[0]['last_date'])}; USD per million tokens"
            tables.append(_step_rows(market, rows, caption))
    if not tables:
        return Section(*section, missing="This release holds no step of a token price."), []
    lead = (
        "The largest steps of input and output prices, one per model and seller. Repairs of a unit or of an "
        "entry, steps taken back within 45 days and a new model behind an old name do not count as steps."
    )
    return Section(*section, lead, tables=tuple(tables)), []


def _step_rows(market: _Market, rows: Sequence[Row], caption: str) -> Table:
    return Table(
        ("Day", "Model", "Sold by", "Tokens", "Old", "New", "Change", "Days at the old price"),
        [
            (
                _day(row["change_date"]),
                market.name("model", row["model_id"], row["model_raw"]),
                market.name("provider", row["host_id"]),
                _words(row["component"]),
                _usd(row["old_usd_per_mtok"]),
                _usd(row["new_usd_per_mtok"]),
                _change(row["ratio"] - 1),
                _count(row["days_held"]),
            )
            for row in rows
        ],
        frozenset(("Old", "New", "Change", "Days at the old price")),
        caption,
    )


_FRONTIER: Final = f"""
    with overall as ({_OVERALL}),
    ranked as (
        select *, if(is_open_weights, '{OPEN}', '{CLOSED}') as series
        from overall
        where is_open_weights is not null
        qualify row_number() over (
            partition by score_date, board_version, is_open_weights order by score desc, model_raw
        ) = 1
    )
    select
        series, series || board_version as line, score_date as day, score as value, model_id, model_raw,
        null as host_id
    from ranked
"""


def _frontier(market: _Market) -> _Part:
    """Best closed and best open model at each snapshot."""
    section = ("frontier", "The frontier: best closed against best open model")
    known = market.has("marts.leaderboard_scores_daily")
    points = market.points(_FRONTIER, bridged=LONGEST_BRIDGED_SCORE_DAYS) if known else []
    if not points:
        return Section(*section, missing="This release holds no overall leaderboard."), []
    latest = {point.series: point for point in sorted(points, key=lambda point: point.day)}
    facts, words = [], ""
    if len(latest) == 2 and latest[CLOSED].day == latest[OPEN].day:
        gap = round(latest[CLOSED].value - latest[OPEN].value)
        words = (
            f"On {_day(latest[OPEN].day)} the best closed model, {latest[CLOSED].hint}, stood {abs(gap)} "
            f"points {'ahead of' if gap >= 0 else 'behind'} the best open-weight model, {latest[OPEN].hint}."
        )
        detail = f"{latest[CLOSED].hint} against {latest[OPEN].hint}; as of {_day(latest[OPEN].day)}"
        facts = [Fact("Closed ahead of open, Arena points", f"{gap:+d}".replace("-", "−"), detail)]
    figure = Figure(
        "chart-frontier",
        "Arena score of the best closed and the best open-weight model",
        words,
        _step_chart(points, [CLOSED, OPEN], "Arena score (Elo-like points)", height=300, is_zero_based=False),
        _legend([CLOSED, OPEN]),
        _steps_table(points, "Score", "Model", lambda value: f"{value:.0f}"),
        "Scores compare within one snapshot only: the scale is re-estimated over time and starts anew with a "
        "new version of the board. Read the distance between the lines, not their climb.",
        _download(points, "score"),
    )
    return Section(*section, words, (figure,)), facts


def _margins(market: _Market) -> _Part:
    """Gross margin of serving tokens: stated cases beside today's market."""
    section = ("margins", "Inference margins: stated cases against the market")
    rows = (
        market.rows(
            "select * from marts.inference_margins_daily "
            "where gross_margin_ratio is not null "
            "qualify margin_date = max(margin_date) over (partition by scenario_id) "
            "order by price_basis desc, scenario_id, utilisation_ratio"
        )
        if market.has("marts.inference_margins_daily")
        else []
    )
    if not rows:
        return Section(*section, missing="This release holds no inference margin."), []
    spans: dict[str, list[Row]] = {}
    for row in rows:
        spans.setdefault(row["scenario_id"], []).append(row)
    bases = list(dict.fromkeys(row["price_basis"] for row in rows))
    shares = sorted({float(row["utilisation_ratio"]) for row in rows})
    figure = Figure(
        "chart-margins",
        "Gross margin of serving tokens at different utilisation of the machines",
        " ".join(
            f"{cases[0]['scenario_name']}: {_margin_words(cases[0])}, {_margin_words(cases[-1])}."
            for cases in spans.values()
        ),
        _margin_chart(spans, bases),
        _legend(f"{basis} prices" for basis in bases),
        _margin_table(spans, shares),
        f"Dots from left to right: utilisation of {', '.join(map(_percent, shares))}. A triangle at the left "
        "edge stands for a margin below −100 %. Gross margin is profit over revenue; markup, in the "
        "table, is profit over cost.",
    )
    lead = (
        "What serving an open-weight model earns: token prices against the rent of the machines, with "
        "published throughput. Stated cases repeat their source's figures at full utilisation."
    )
    market_rows = [row for row in rows if row["price_basis"] == "market" and row["utilisation_ratio"] == HALF]
    if market_rows:
        known_days = [row["margin_date"] for row in market_rows]
        margins = sorted(float(row["gross_margin_ratio"]) for row in market_rows)
        lead += (
            " Market cases stand on the last day that had both prices, "
            f"{_day(min(known_days))} to {_day(max(known_days))}: at {_percent(HALF)} utilisation they run "
            f"from {_percent(margins[0])} to {_percent(margins[-1])}, {sum(m > 0 for m in margins)} of "
            f"{len(margins)} above zero."
        )
    return Section(*section, lead, figures=(figure,)), []


def _margin_table(spans: Mapping[str, Sequence[Row]], shares: Sequence[float]) -> Table:
    columns = tuple(f"Margin at {_percent(share)}" for share in shares)
    rows = []
    for cases in spans.values():
        margins = {float(row["utilisation_ratio"]): _percent(row["gross_margin_ratio"]) for row in cases}
        full = cases[-1]
        rows.append(
            (
                full["scenario_name"],
                full["price_basis"],
                full["throughput_tier"] or "–",
                _day(full["margin_date"]),
                *(margins.get(share, "–") for share in shares),
                f"{_percent(full['markup_ratio'])} at {_percent(full['utilisation_ratio'])}",
                _percent(full["break_even_utilisation_ratio"]),
            )
        )
    return Table(
        ("Case", "Prices", "Throughput", "Day", *columns, "Markup", "Breaks even at"),
        rows,
        frozenset((*columns, "Markup", "Breaks even at")),
        "Gross margin by utilisation",
    )


def _margin_words(row: Row) -> str:
    return f"{_percent(row['gross_margin_ratio'])} at {_percent(row['utilisation_ratio'])} utilisation"


def _freshness(market: _Market) -> _Part:
    """Every source: fresh, stale, unreachable or never fetched, and how old."""
    section = ("sources", "How fresh the sources are")
    rows = (
        market.rows("select * from ops.source_freshness order by source_id")
        if market.has("ops.source_freshness")
        else []
    )
    if not rows:
        return Section(*section, missing="This release does not say how fresh its sources are."), []
    states = [_state(row) for row in rows]
    table = Table(
        (
            "Source",
            "State",
            "Publisher",
            "Last reading",
            "Age",
            "Last attempt",
            "Rows",
            "Set aside",
            "Last error",
        ),
        [
            (
                row["source_id"],
                state,
                row["publisher"],
                _day(row["last_reading_at"]),
                _age(row["age_days"]),
                _day(row["last_attempt_at"]),
                _count(row["row_count"]),
                _count(row["rejected_count"]),
                _shortened(row["last_error"] or ""),
            )
            for row, state in zip(rows, states, strict=True)
        ],
        frozenset(("Age", "Rows", "Set aside")),
        "Rows: observations of the last day read. Set aside: rows of that day that broke a rule.",
        tuple({"fresh": "good", "closed history": "muted"}.get(state, "bad") for state in states),
    )
    live = Counter(state for state in states if state != "closed history")
    shares = ", ".join(f"{count} {state}" for state, count in sorted(live.items()))
    lead = (
        f"Of {live.total()} live sources: {shares}. Closed histories, which no longer move: "
        f"{len(states) - live.total()}."
    )
    fact = Fact("Fresh live sources", f"{live['fresh']} of {live.total()}", shares)
    return Section(*section, lead, tables=(table,)), [fact]


def _state(row: Row) -> str:
    if row["kind"] == "history":
        return "closed history"
    if row["last_outcome"] == "failed":
        state = "unreachable" if row["last_error_kind"] == "Unreachable" else "failing"
        return state if row["last_reading_at"] else f"{state}, never read"
    if row["last_attempt_at"] is None:
        return "never fetched"
    if row["last_reading_at"] is None:
        return "never read"
    return "stale" if row["is_stale"] else "fresh"


def _step_chart(
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
) -> dict[str, Any]:
    """A Vega-Lite chart of step lines: a value holds until the next corner; runs are not joined."""
    import altair as alt

    first, last = days or (min(p.day for p in points), max(p.day for p in points))
    low, high = values or (min(p.value for p in points), max(p.value for p in points))
    ticks: Any = _log_ticks(low, high) if is_log else alt.Undefined
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
        axis=alt.Axis(format="%b %Y", tickCount=5, grid=False),
    )
    full_y = alt.Y(
        "value:Q",
        title=y_title,
        scale=scale,
        axis=alt.Axis(
            values=ticks, tickCount=5, format=",~f", titleAngle=0, titleAlign="left", titleX=0, titleY=-12
        ),
    )
    x, y = alt.X("day:T"), alt.Y("value:Q")
    colour = alt.Color("series:N", legend=None, scale=_scale(alt, series, COLOURS))
    dash = alt.StrokeDash("series:N", legend=None, scale=_scale(alt, series, DASHES))
    corners = [
        {
            "series": p.series,
            "run": f"{p.line}/{p.run}",
            "day": p.day.isoformat(),
            "value": float(f"{p.value:.6g}"),
            "on": _day(p.day),
            "what": p.hint,
        }
        for p in points
    ]
    runs = Counter(corner["run"] for corner in corners)
    lone = [corner for corner in corners if runs[corner["run"]] == 1]
    titles = {"series": "line", "on": "day", "value": y_title, "what": "which"}
    hints = [alt.Tooltip(name, type="nominal", title=title) for name, title in titles.items()]
    layers = [
        alt.Chart(_data(alt, corners))
        .mark_line(interpolate="step-after", strokeWidth=2.2)
        .encode(x=full_x, y=full_y, color=colour, strokeDash=dash, detail="run:N"),
        alt.Chart(_data(alt, corners)).mark_circle(size=90, opacity=0).encode(x=x, y=y, tooltip=hints),
    ]
    if lone:
        layers.append(
            alt.Chart(_data(alt, lone)).mark_circle(size=24, opacity=1).encode(x=x, y=y, color=colour)
        )
    if marks:
        shape = alt.Shape(
            "kind:N", legend=None, scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values()))
        )
        layers.append(
            alt.Chart(_data(alt, [_marked(mark) for mark in marks]))
            .mark_point(filled=True, size=90, opacity=1, stroke=PAGE, strokeWidth=1)
            .encode(x=x, y=y, color=colour, shape=shape)
        )
    for kind, (dx, dy, align) in LABEL_PLACES.items():
        labels = [_marked(mark) for mark in marks if mark.kind == kind and mark.label]
        if labels:
            layers.append(
                alt.Chart(_data(alt, labels))
                .mark_text(dx=dx, dy=dy, align=align, fontSize=12, fontWeight="bold", fill=INK)
                .encode(x=x, y=y, text="label:N")
            )
    return _finished(alt.layer(*layers).properties(width="container", height=height))


def _marked(mark: Mark) -> Row:
    return {**asdict(mark), "day": mark.day.isoformat()}


def _margin_chart(spans: Mapping[str, Sequence[Row]], bases: Sequence[str]) -> dict[str, Any]:
    import altair as alt

    dots = [
        {
            "case": scenario_id,
            "prices": row["price_basis"],
            "margin": max(-1.0, float(row["gross_margin_ratio"])),
            "below": float(row["gross_margin_ratio"]) < -1,
            "at": _margin_words(row),
            "name": row["scenario_name"],
            "day": _day(row["margin_date"]),
        }
        for scenario_id, rows in spans.items()
        for row in rows
    ]
    names = {dot["case"]: {**dot, "margin": -1} for dot in dots}
    x = alt.X(
        "margin:Q",
        title="gross margin",
        scale=alt.Scale(domain=[-1, 1]),
        axis=alt.Axis(format="%", tickCount=5, orient="top"),
    )
    full_y = alt.Y("case:N", sort=list(spans), axis=None, scale=alt.Scale(padding=0.9))
    y = alt.Y("case:N", sort=list(spans))
    colour = alt.Color("prices:N", legend=None, scale=_scale(alt, bases, COLOURS))
    dash = alt.StrokeDash("prices:N", legend=None, scale=_scale(alt, bases, DASHES))
    shape = alt.Shape(
        "below:N", legend=None, scale=alt.Scale(domain=[False, True], range=["circle", "triangle-left"])
    )
    base = alt.Chart(_data(alt, dots))
    layers = [
        base.mark_line(strokeWidth=2).encode(x=x, y=full_y, color=colour, strokeDash=dash, detail="case:N"),
        alt.Chart(_data(alt, [{"margin": 0}])).mark_rule(stroke=FAINT).encode(x="margin:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x="margin:Q",
            y=y,
            color=colour,
            shape=shape,
            tooltip=[alt.Tooltip(name, type="nominal") for name in ("name", "prices", "day", "at")],
        ),
        alt.Chart(_data(alt, list(names.values())))
        .mark_text(align="left", dx=2, dy=-12, fontSize=12, fill=INK, limit=320)
        .encode(x="margin:Q", y=y, text="name:N"),
    ]
    return _finished(alt.layer(*layers).properties(width="container", height=36 * len(spans)))


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between the bounds, with 2 and 5 between them where that leaves few."""
    steps = (1, 2, 5) if high / low < 100 else (1,)
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    return [float(f"{step}e{decade}") for decade in decades for step in steps]


def _finished(chart: Any) -> dict[str, Any]:
    spec: dict[str, Any] = chart.to_dict()
    return {**spec, "config": CHART_CONFIG, "autosize": {"type": "fit-x", "contains": "padding"}}


def _data(alt: Any, values: Sequence[Mapping[str, Any]]) -> Any:
    return alt.InlineData(values=list(values))


def _scale(alt: Any, series: Sequence[str], signs: Sequence[Any]) -> Any:
    return alt.Scale(domain=list(series), range=[signs[i % len(signs)] for i in range(len(series))])


def _legend(names: Iterable[str]) -> tuple[Legend, ...]:
    return tuple(
        Legend(name, COLOURS[i % len(COLOURS)], " ".join(str(part) for part in DASHES[i % len(DASHES)]))
        for i, name in enumerate(names)
    )


@cache
def _script() -> str:
    """Vega, Vega-Lite and the drawing code as one script, safe inside a script element."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle(DRAW)
    return "{" + bundle.replace("</script", r"<\/script").replace("<!--", r"<\!--") + "}"


def _by_month(points: Sequence[Point], unit: str) -> Table:
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
            cells.setdefault(month, {})[name] = _usd(last.value)
            month = next_month
    rows = [
        (_month(month), *(cells[month].get(name, "") for name in series))
        for month in sorted(cells, reverse=True)
    ]
    return Table(("Month", *series), rows, frozenset(series), unit)


def _steps_table(
    points: Sequence[Point], unit: str, what: str = "", say: Callable[[float], str] | None = None
) -> Table:
    """Every corner at which a line starts or moves, newest first."""
    moves: list[Point] = []
    last: dict[tuple[str, int], tuple[float, str]] = {}
    for point in points:
        if last.get((point.line, point.run)) != (point.value, point.hint):
            moves.append(point)
        last[point.line, point.run] = (point.value, point.hint)
    moves.sort(key=lambda point: (point.day, point.series), reverse=True)
    columns = ("Day", "Series", *([what] if what else []), unit)
    rows = [(_day(p.day), p.series, *([p.hint] if what else []), (say or _usd)(p.value)) for p in moves]
    return Table(columns, rows, frozenset((unit,)))


def _download(points: Sequence[Point], unit: str) -> str:
    """`data:` address of a CSV of the corners, with formulas defused; empty where it would weigh too much."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("series", "line", "run", "date", unit, "detail"))
    for point in points:
        writer.writerow(
            (
                _inert(point.series),
                _inert(point.line),
                point.run,
                point.day,
                f"{point.value:.9g}",
                _inert(point.hint),
            )
        )
    body = text.getvalue().encode()
    if len(body) > LARGEST_DOWNLOAD_BYTES:
        return ""
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(body).decode()


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _instant(stated: datetime | str) -> datetime:
    """A manifest's instant in UTC; without a zone it is taken as UTC."""
    instant = stated if isinstance(stated, datetime) else datetime.fromisoformat(stated)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _utc(alt: Any, day: date) -> Any:
    return alt.DateTime(year=day.year, month=day.month, date=day.day, utc=True)


def _day(day: date | None) -> str:
    return "–" if day is None else f"{day.day}\u00a0{day:%b}\u00a0{day.year}"


def _month(day: date | None) -> str:
    return "–" if day is None else f"{day:%b}\u00a0{day.year}"


def _age(days: float | None) -> str:
    if days is None:
        return "–"
    return {0: "today", 1: "1\u00a0day"}.get(int(days), f"{int(days)}\u00a0days")


def _count(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def _usd(amount: Decimal | float | None) -> str:
    """Two decimals from one dollar up, three digits below."""
    if amount is None:
        return "–"
    value = float(amount)
    if abs(value) >= 1 or value == 0:
        return f"${value:,.2f}"
    digits = f"{Decimal(f'{value:.3g}'):f}"
    return f"${digits}" if len(digits) > 4 else f"${value:.2f}"


def _percent(ratio: Decimal | float | None) -> str:
    return "–" if ratio is None else f"{float(ratio) * 100:.0f}\u00a0%".replace("-", "−")


def _change(ratio: Decimal | float | None) -> str:
    if ratio is None:
        return "–"
    percent = round(float(ratio) * 100)
    return f"{percent:+d}\u00a0%".replace("-", "−") if percent else "0\u00a0%"


def _words(identifier: str) -> str:
    return identifier.replace("_", " ")


def _shortened(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"
