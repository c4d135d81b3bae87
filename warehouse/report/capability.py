"""What a capability costs, and who leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from warehouse.report import say
from warehouse.report.charts import (
    COLOURS,
    DASHES,
    FAINT,
    INK,
    Rows,
    csv_of,
    finished,
    legend,
    log_ticks,
    numbers,
    scale_of,
    span,
    step_chart,
    steps_table,
)
from warehouse.report.content import BOARDS_AND_PRICES, SCORES, Fact, Figure, Part, Section, Table
from warehouse.report.market import MODEL_PRICES, Market, Point, Row, monthly

GPT_4_ID: Final = "gpt-4"

GPT_4_NAME: Final = "gpt-4-0314"
"""The original GPT-4, whose score bounds the class; its turbo forms are models of their own."""

CHEAPEST: Final = "cheapest model of the class"

CLOSED, OPEN = "best closed model", "best open-weight model"

BOARDS: Final = {"lmarena_text": "Arena", "aider_polyglot": "Aider polyglot"}
"""Boards in page order; another one is called by its id."""

UNITS: Final = {
    "elo": "Elo-like points",
    "percent": "percent solved",
    "fraction": "share solved",
    "index": "points",
}

LONGEST_BRIDGED_SCORE_DAYS: Final = 60
"""A line of scores breaks where more days than this lie between two snapshots."""

LEAST_SCORE_RATIO, LEAST_PRICE_RATIO = 0.04, 0.25
"""Shares of the score and price shown that must lie between two labelled models."""

METHODS: Final = {
    "record_regression": "line through the record prices",
    "theil_sen": "median slope (Theil–Sen)",
    "end_to_end": "first against last month",
}

_CLASS_PRICES: Final = f"""
    select
        '{CHEAPEST}' as series, '{CHEAPEST}' as line, price_month as month, usd_per_mtok as value, model_id,
        host_id
    from marts.capability_prices_monthly
    where reference_model = '{GPT_4_NAME}' and status <> 'suppressed'
    qualify row_number() over (partition by price_month order by score_date desc, board_version) = 1
    order by month
"""
"""One price a month; of two boards the one with the later snapshot."""

_FIRST_GPT_4_PRICE: Final = f"""
    select price_date as day, blended_usd_per_mtok as value
    from ({MODEL_PRICES})
    where model_id = '{GPT_4_ID}' and is_own_host
    order by price_date
    limit 1
"""

_LEVELS: Final = """
    select
        *, level_id as series, board_id || '/' || level_id as line, price_month as month,
        cast(usd_per_mtok as double) as value
    from marts.capability_prices_monthly
    order by list_position(?, board_id), board_id, level_id, month
"""

_RATES: Final = """
    select *
    from marts.capability_price_rates
    order by
        list_position(?, board_id), board_id, level_id, list_position(?, rate_method)
"""

_PARETO: Final = """
    select *
    from marts.price_performance_frontier
    order by list_position(?, board_id), board_id, price_month, frontier_position
"""

_GAP: Final = """
    select * from marts.capability_gap_daily order by list_position(?, board_id), board_id, score_date
"""

_LAGS: Final = """
    select *
    from marts.catch_up_lags
    where criterion = 'strict'
    order by list_position(?, board_id), board_id, release_date, reference_model
"""


def gpt_4_class(market: Market) -> Part:
    """The lowest price of a model that the same snapshot rates at least as high as GPT-4."""
    section = ("gpt-4-class", "What a GPT-4-class token costs")
    known = market.has("marts.capability_prices_monthly", "marts.token_prices_daily")
    rows = market.rows(_CLASS_PRICES) if known else []
    points = monthly([{**row, "hint": _offer(market, row)} for row in rows])
    if not points:
        missing = "This release holds no price of a model that a leaderboard rates at least as high as GPT-4."
        return Section(*section, missing=missing), []
    start, now = points[0], points[-1]
    drawn, fall = [CHEAPEST], ""
    for gpt_4 in market.rows(_FIRST_GPT_4_PRICE):
        name = f"GPT-4 itself in {say.month(gpt_4['day'])}"
        drawn.append(name)
        points += [Point(name, name, 1, day, gpt_4["value"]) for day in (gpt_4["day"], now.day)]
        fall = f"{gpt_4['value'] / now.value:,.0f} times cheaper than GPT-4 at {say.usd(gpt_4['value'])}: "
    explained = say.explained(
        "capability_prices_monthly", price_month=rows[-1]["month"], reference_model=GPT_4_NAME
    )
    figure = Figure(
        "chart-gpt-4-class",
        f"Cheapest GPT-4-class model: {say.usd(start.value)} a million tokens in "
        f"{say.month(start.day)}, {say.usd(now.value)} in {say.month(now.day)}",
        f"In {say.month(now.day)} the cheapest was {now.hint}, at {say.usd(now.value)} a million tokens.",
        step_chart(points, drawn, "USD per million tokens", is_log=True, height=280),
        legend(drawn),
        steps_table(points, "USD per million tokens", "Offer"),
        numbers(points, "blended_usd_per_mtok"),
        "USD per million tokens",
        BOARDS_AND_PRICES,
        say.month(now.day),
        "Logarithmic scale. Rest on a step to see which offer it is.",
        explained=explained,
    )
    lead = (
        "The lowest list price of a model that the Arena board rates at least as high as the original GPT-4 "
        "in the same snapshot, three parts input to one part output, at the end of each month. A price "
        "counts where the lab itself asks it, or another seller asks no more; slips of two weeks and free "
        "offers do not. Models newer than the last snapshot are not in the class. The Arena rates "
        "preference in chat: a small model may stand in the class and fail at other work."
    )
    fact = Fact(
        "A million GPT-4-class tokens",
        say.usd(now.value),
        f"{fall}{now.hint}; {say.month(now.day)}",
        explained,
    )
    return Section(*section, lead, (figure,)), [fact]


def fixed_levels(market: Market) -> Part:
    """What each level of capability has cost, one chart for each board, and how fast that fell."""
    section = ("levels", "What a fixed capability costs")
    known = market.has("marts.capability_prices_monthly", "marts.capability_price_rates")
    rows = market.rows(_LEVELS, list(BOARDS)) if known else []
    drawn = [row for row in rows if row["value"] is not None]
    if not drawn:
        return Section(*section, missing="This release holds no price of a fixed capability."), []
    figures = []
    for board_id in dict.fromkeys(row["board_id"] for row in drawn):
        mine = [row for row in drawn if row["board_id"] == board_id]
        for row in mine:
            row["hint"] = _offer(market, row)
        points = monthly(mine)
        names = list(dict.fromkeys(point.series for point in points))
        last = {row["series"]: row for row in mine}
        figures.append(
            Figure(
                f"chart-level-{board_id}",
                f"Cheapest model at or above a level of the {board_name(board_id)} board",
                " ".join(
                    f"{name}: {say.usd(row['value'])} in {say.month(row['month'])}, {row['hint']}."
                    for name, row in last.items()
                ),
                step_chart(points, names, "USD per million tokens", is_log=True, height=260),
                legend(names),
                steps_table(points, "USD per million tokens", "Offer", dated=say.month),
                numbers(points, "blended_usd_per_mtok"),
                "USD per million tokens",
                BOARDS_AND_PRICES,
                say.month(max(row["month"] for row in mine)),
                "Logarithmic scale.",
                explained=say.explained(
                    "capability_prices_monthly",
                    board_id=board_id,
                    level_id=mine[-1]["level_id"],
                    price_month=mine[-1]["month"],
                ),
            )
        )
    lead = (
        "A level is a model, or a score, of a board. The price is the lowest blend, three parts input to "
        "one part output, of a model that the board rates at least as high in the same snapshot; it may "
        "rise when an offer goes. "
        + say.left_out(
            "months of these levels", (row["status_reason"] for row in rows if row["value"] is None)
        )
    )
    table = _rate_table(market.rows(_RATES, list(BOARDS), list(METHODS)))
    return Section(*section, lead.strip(), tuple(figures), (table,) if table else (), is_grid=True), []


def _rate_table(rows: Sequence[Row]) -> Table | None:
    """The rates at which the prices fell, by three methods; a suppressed one with its reason."""
    levels: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        levels.setdefault((row["board_id"], row["level_id"]), {})[row["rate_method"]] = row
    if not levels:
        return None
    lines = []
    for (board_id, level_id), methods in levels.items():
        any_row = max(methods.values(), key=lambda row: row["first_date"] is not None)
        lines.append(
            (
                board_name(board_id),
                level_id,
                *(_rate(methods.get(method)) for method in METHODS),
                f"{say.month(any_row['first_date'])} to {say.month(any_row['last_date'])}"
                if any_row["first_date"]
                else "–",
                say.count(any_row["month_count"]),
            )
        )
    return Table(
        ("Board", "Level", *METHODS.values(), "From, to", "Months"),
        lines,
        frozenset(("Months",)),
        "By what the price of each level is divided in a year, by three methods, with the 90 % interval of "
        "each; 10× is tenfold cheaper, below 1× is dearer.",
    )


def _rate(row: Row | None) -> str:
    if row is None:
        return "–"
    if row["fall_factor_per_year"] is None:
        return f"suppressed: {row['status_reason']}"
    interval = span(row["fall_factor_per_year_low"], row["fall_factor_per_year_high"], say.times)
    return f"{say.times(row['fall_factor_per_year'])} ({'no interval' if interval == '–' else interval})"


def price_performance(market: Market) -> Part:
    """The models that nothing cheaper matches, in the latest month and a year before."""
    section = ("price-performance", "Price against performance: the models nothing cheaper matches")
    known = market.has("marts.price_performance_frontier")
    rows = market.rows(_PARETO, list(BOARDS)) if known else []
    drawn = [row for row in rows if row["status"] != "suppressed"]
    if not drawn:
        return Section(*section, missing="This release holds no price-performance frontier."), []
    figures = []
    for board_id in dict.fromkeys(row["board_id"] for row in drawn):
        mine = [row for row in drawn if row["board_id"] == board_id]
        months = _compared_months([row["price_month"] for row in mine])
        shown = [row for month in months for row in mine if row["price_month"] == month]
        names = [say.month(month) for month in months]
        unit = UNITS.get(shown[0]["score_unit"], str(shown[0]["score_unit"]))
        latest = [row for row in shown if row["price_month"] == months[0]]
        figures.append(
            Figure(
                f"chart-pareto-{board_id}",
                f"{board_name(board_id)} score against price, {' and '.join(names)}",
                f"In {names[0]} {len(latest)} of {latest[0]['priced_model_count']} priced models were on the "
                f"frontier, from {market.name('model', latest[0]['model_id'])} at "
                f"{say.usd(latest[0]['usd_per_mtok'])} to {market.name('model', latest[-1]['model_id'])} at "
                f"{say.usd(latest[-1]['usd_per_mtok'])} a million tokens.",
                _pareto_chart(market, shown, names, f"score, {unit}"),
                legend(names),
                _pareto_table(market, shown),
                csv_of(
                    _PARETO_COLUMNS,
                    ([row[column] for column in _PARETO_COLUMNS] for row in shown),
                ),
                f"score in {unit}; price in USD per million tokens, logarithmic",
                BOARDS_AND_PRICES,
                say.day(latest[0]["price_date"]),
                f"Scores of the snapshot of {say.day(latest[0]['score_date'])}."
                + (
                    " The board sets its scale anew from time to time, so compare the two lines by price, "
                    "not by a few points."
                    if shown[0]["score_unit"] == "elo" and len(months) > 1
                    else ""
                ),
                explained=say.explained(
                    "price_performance_frontier",
                    board_id=board_id,
                    price_month=months[0],
                    model_id=latest[-1]["model_id"],
                ),
            )
        )
    suppressed = (row["status_reason"] for row in rows if row["status"] == "suppressed")
    lead = (
        "Each point is a model that no other one beats in score at its price or below; the line shows the "
        "best score that a price buys, three parts input to one part output. "
        + say.left_out("models in a month", suppressed)
    )
    return Section(*section, lead.strip(), tuple(figures)), []


_PARETO_COLUMNS: Final = (
    "price_month",
    "frontier_position",
    "model_id",
    "host_id",
    "score",
    "score_unit",
    "usd_per_mtok",
    "is_open_weights",
    "score_date",
)


def _compared_months(months: Sequence[date]) -> list[date]:
    """The latest month, and the latest that lies a year or more before it."""
    latest = max(months)
    earlier = [month for month in months if month <= latest.replace(year=latest.year - 1)]
    return [latest, *([max(earlier)] if earlier else [])]


def _pareto_table(market: Market, rows: Sequence[Row]) -> Table:
    columns = ("Score", "USD per million tokens")
    return Table(
        ("Month", "Model", "Made by", "Weights", "Sold by", *columns),
        [
            (
                say.month(row["price_month"]),
                market.name("model", row["model_id"]),
                market.name("lab", row["lab_id"]),
                {True: "open", False: "closed"}.get(row["is_open_weights"], "–"),
                market.name("provider", row["host_id"]),
                f"{row['score']:.1f}",
                say.usd(row["usd_per_mtok"]),
            )
            for row in rows
        ],
        frozenset(columns),
    )


def _pareto_chart(market: Market, rows: Sequence[Row], names: Sequence[str], y_title: str) -> dict[str, Any]:
    import altair as alt

    rows_of = Rows()
    prices = [float(row["usd_per_mtok"]) for row in rows]
    dots = [
        {
            "series": say.month(row["price_month"]),
            "model": market.name("model", row["model_id"]),
            "usd": usd,
            "score": float(row["score"]),
            "price": say.usd(row["usd_per_mtok"]),
            "seller": market.name("provider", row["host_id"]),
            "weights": {True: "open", False: "closed"}.get(row["is_open_weights"], "not known"),
        }
        for row, usd in zip(rows, prices, strict=True)
    ]
    low, high = min(prices), max(prices) * 1.6
    ends = {dot["series"]: {**dot, "usd": high} for dot in dots}
    x = alt.X("usd:Q")
    full_x = alt.X(
        "usd:Q",
        title="USD per million tokens",
        scale=alt.Scale(type="log", domain=[low / 2.5, high], nice=False),
        axis=alt.Axis(values=log_ticks(low, high), format=",~f", grid=False),
    )
    full_y = alt.Y(
        "score:Q",
        title=y_title,
        scale=alt.Scale(zero=False, nice=True),
        axis=alt.Axis(tickCount=6, titleAngle=0, titleAlign="left", titleX=0, titleY=-12),
    )
    y = alt.Y("score:Q")
    colour = alt.Color("series:N", legend=None, scale=scale_of(alt, names, COLOURS))
    dash = alt.StrokeDash("series:N", legend=None, scale=scale_of(alt, names, DASHES))
    hints = [alt.Tooltip(name, type="nominal") for name in ("model", "price", "score", "seller", "weights")]
    labels = _apart([dot for dot in dots if dot["series"] == names[0]])
    layers = [
        alt.Chart(rows_of.named([*dots, *ends.values()]))
        .mark_line(interpolate="step-after", strokeWidth=2.2)
        .encode(x=full_x, y=full_y, color=colour, strokeDash=dash, order="usd:Q"),
        alt.Chart(rows_of.named(dots))
        .mark_point(filled=True, size=60, opacity=1)
        .encode(x=x, y=y, color=colour, tooltip=hints),
        alt.Chart(rows_of.named(labels))
        .mark_text(align="right", dx=-6, dy=-7, fontSize=11, fill=INK, limit=150)
        .encode(x=x, y=y, text="model:N"),
    ]
    return finished(alt.layer(*layers).properties(width="container", height=380), rows_of)


def _apart(dots: Sequence[Row]) -> list[Row]:
    """Those of the dots, cheapest first, whose names can stand beside them without covering each other."""
    prices = [math.log(dot["usd"]) for dot in dots]
    scores = [dot["score"] for dot in dots]
    labelled: list[int] = []
    for i in range(len(dots)):
        if (
            not labelled
            or scores[i] - scores[labelled[-1]] >= LEAST_SCORE_RATIO * (scores[-1] - scores[0])
            or prices[i] - prices[labelled[-1]] >= LEAST_PRICE_RATIO * (prices[-1] - prices[0])
        ):
            labelled.append(i)
    return [dots[i] for i in labelled]


def gap(market: Market) -> Part:
    """Best closed and best open model at each snapshot of each board, and how many labs are close."""
    section = ("frontier", "The frontier: best closed against best open model")
    rows = market.rows(_GAP, list(BOARDS)) if market.has("marts.capability_gap_daily") else []
    drawn = [row for row in rows if row["gap_points"] is not None]
    if not drawn:
        return Section(*section, missing="This release holds no gap between closed and open models."), []
    figures: list[Figure] = []
    facts: list[Fact] = []
    words: list[str] = []
    for board_id in dict.fromkeys(row["board_id"] for row in drawn):
        mine = [row for row in drawn if row["board_id"] == board_id]
        last = mine[-1]
        board = board_name(board_id)
        unit = UNITS.get(last["score_unit"], str(last["score_unit"]))
        points = _score_lines(market, mine)
        told = _gap_words(market, last, board)
        words.append(told)
        explained = say.explained("capability_gap_daily", board_id=board_id, score_date=last["score_date"])
        figures.append(
            Figure(
                f"chart-gap-{board_id}",
                f"{board} score of the best closed and the best open-weight model",
                told,
                step_chart(points, [CLOSED, OPEN], f"score, {unit}", height=280, is_zero_based=False),
                legend([CLOSED, OPEN]),
                _gap_table(market, mine),
                csv_of(_GAP_COLUMNS, ([row[column] for column in _GAP_COLUMNS] for row in mine)),
                unit,
                SCORES,
                say.day(last["score_date"]),
                "Scores compare within one snapshot only, as the scale is set anew over time: read the "
                "distance between the lines, not their climb."
                if last["score_unit"] == "elo"
                else "",
                explained=explained,
            )
        )
        if not facts:
            models = f"{_model(market, last, 'closed')} against {_model(market, last, 'open')}"
            facts.append(
                Fact(
                    f"Closed ahead of open, {board} points",
                    f"{round(last['gap_points']):+d}".replace("-", "−"),
                    f"{models}; as of {say.day(last['score_date'])}",
                    explained,
                )
            )
    words.append(
        say.left_out("snapshots", (row["status_reason"] for row in rows if row["gap_points"] is None))
    )
    return Section(*section, " ".join(words).strip(), tuple(figures), is_grid=True), facts


_GAP_COLUMNS: Final = (
    "score_date",
    "closed_model_raw",
    "closed_score",
    "open_model_raw",
    "open_score",
    "gap_points",
    "probability_closed_leads",
    "labs_within_10_points",
    "labs_within_25_points",
    "labs_within_50_points",
    "rated_count",
    "open_count",
)


def _score_lines(market: Market, rows: Sequence[Row]) -> list[Point]:
    """The two best scores of each snapshot; a line breaks at a new scale and over a long time without one."""
    points = []
    for kind, name in (("closed", CLOSED), ("open", OPEN)):
        run = 0
        for before, row in zip([None, *rows], rows, strict=False):
            if before is None or (
                (row["score_date"] - before["score_date"]).days > LONGEST_BRIDGED_SCORE_DAYS
                or row["scale_number"] != before["scale_number"]
            ):
                run += 1
            points.append(
                Point(name, name, run, row["score_date"], row[f"{kind}_score"], _model(market, row, kind))
            )
    return points


def _model(market: Market, row: Row, kind: str) -> str:
    return market.name("model", row[f"{kind}_model_id"], row[f"{kind}_model_raw"])


def _gap_words(market: Market, row: Row, board: str) -> str:
    sure = row["probability_closed_leads"]
    points = abs(round(row["gap_points"]))
    return (
        f"{board}, {say.day(row['score_date'])}: the best closed model, {_model(market, row, 'closed')}, "
        f"stood {points} points {'ahead of' if row['gap_points'] >= 0 else 'behind'} the best open-weight "
        f"model, {_model(market, row, 'open')}"
        + (f" (ahead with a probability of {_sure(sure)})" if sure is not None else "")
        + "; labs with a model within 25 points of the leader, its own among them: "
        f"{say.count(row['labs_within_25_points'])}."
    )


def _sure(probability: float | None) -> str:
    return "over 99\u00a0%" if probability is not None and probability > 0.99 else say.percent(probability)


def _gap_table(market: Market, rows: Sequence[Row]) -> Table:
    columns = ("Closed", "Open", "Gap", "Closed leads", "Labs within 10", "25", "50")
    return Table(
        ("Snapshot", "Best closed", "Best open", *columns),
        [
            (
                say.day(row["score_date"]),
                _model(market, row, "closed"),
                _model(market, row, "open"),
                f"{row['closed_score']:.1f}",
                f"{row['open_score']:.1f}",
                f"{row['gap_points']:+.1f}".replace("-", "−"),
                _sure(row["probability_closed_leads"]),
                say.count(row["labs_within_10_points"]),
                say.count(row["labs_within_25_points"]),
                say.count(row["labs_within_50_points"]),
            )
            for row in reversed(rows)
        ],
        frozenset(columns),
    )


def catch_up(market: Market) -> Part:
    """Days until an open model reached each closed one, one bar each; what it cost to have waited."""
    section = ("catch-up", "How long open models took to catch up")
    known = market.has("marts.catch_up_lags", "marts.catch_up_medians")
    rows = market.rows(_LAGS, list(BOARDS)) if known else []
    if not rows:
        return Section(*section, missing="This release holds no closed model to catch up with."), []
    medians = {
        row["board_id"]: row for row in market.rows("from marts.catch_up_medians where criterion = 'strict'")
    }
    figures, words = [], []
    for board_id in dict.fromkeys(row["board_id"] for row in rows):
        mine = [row for row in rows if row["board_id"] == board_id]
        told = _median_words(board_name(board_id), medians.get(board_id))
        words.append(told)
        kinds = [kind for kind in LAG_KINDS if any(_lag_kind(row) == kind for row in mine)]
        figures.append(
            Figure(
                f"chart-catch-up-{board_id}",
                f"Days from release until an open model was rated as high, {board_name(board_id)}",
                told,
                _lag_chart(mine, kinds, medians.get(board_id)),
                legend(LAG_KINDS[kind] for kind in kinds),
                _lag_table(mine),
                csv_of(_LAG_COLUMNS, ([row[column] for column in _LAG_COLUMNS] for row in mine)),
                "days",
                SCORES,
                say.day(max(row["last_rated_date"] for row in mine)),
                "A triangle stands where the time still ran when the board last rated the model, or had run "
                "out before the board began; the rule in grey is the median, its band the 90 % interval.",
                explained=say.explained("catch_up_medians", board_id=board_id, criterion="strict"),
            )
        )
    lead = (
        "A model is caught up with once an open-weight model is rated at least as high in two snapshots "
        "running, with "
        "votes enough; those not caught up with stay in the median (Kaplan–Meier). " + " ".join(words)
    )
    return Section(*section, lead, tuple(figures), is_grid=True), []


LAG_KINDS: Final = {
    "caught": "caught up with",
    "running": "not yet when last rated",
    "before": "before the board began",
}

_LAG_COLUMNS: Final = (
    "reference_model",
    "release_date",
    "first_rated_date",
    "last_rated_date",
    "caught_up_date",
    "open_model_raw",
    "lag_days",
    "is_censored",
    "is_left_censored",
    "open_usd_per_mtok",
    "reference_usd_per_mtok",
)


def _lag_kind(row: Row) -> str:
    return "running" if row["is_censored"] else "before" if row["is_left_censored"] else "caught"


def _median_words(board: str, row: Row | None) -> str:
    if row is None:
        return f"{board}: no median."
    counts = (
        f"{row['caught_up_count']} of {row['reference_count']} models were caught up with in its sight, "
        f"{row['censored_count']} not yet when last rated"
    )
    if row["median_lag_days"] is None:
        return f"{board}: no median, {row['status_reason']}; {counts}."
    high = row["median_lag_days_high"]
    return (
        f"{board}: half after {row['median_lag_days']} days (90 % interval {row['median_lag_days_low']} to "
        f"{'not reached yet' if high is None else high}); {counts}."
    )


def _lag_table(rows: Sequence[Row]) -> Table:
    columns = ("Days", "Then its price", "Open model's price")
    return Table(
        ("Closed model", "Released", "Caught up with on", "By", *columns),
        [
            (
                row["reference_model"],
                say.day(row["release_date"]),
                "not by " + say.day(row["last_rated_date"])
                if row["is_censored"]
                else say.day(row["caught_up_date"]),
                row["open_model_raw"] or "–",
                {"running": "more than ", "before": "at most ", "caught": ""}[_lag_kind(row)]
                + say.count(row["lag_days"]),
                say.usd(row["reference_usd_per_mtok"]),
                say.usd(row["open_usd_per_mtok"]),
            )
            for row in rows
        ],
        frozenset(columns),
        "Prices in USD per million tokens, three parts input to one part output, of the month it was caught "
        "up with.",
    )


def _lag_chart(rows: Sequence[Row], kinds: Sequence[str], median: Row | None) -> dict[str, Any]:
    import altair as alt

    rows_of = Rows()
    names = [LAG_KINDS[kind] for kind in kinds]
    bars = [
        {
            "model": row["reference_model"],
            "start": 0,
            "days": row["lag_days"],
            "kind": LAG_KINDS[_lag_kind(row)],
            "by": row["open_model_raw"] or "–",
            "released": say.day(row["release_date"]),
        }
        for row in rows
    ]
    order = [bar["model"] for bar in bars]
    longest = max(bar["days"] for bar in bars)
    x_scale = alt.Scale(domain=[0, longest * 1.08], nice=False)
    x = alt.X("days:Q", title="days", scale=x_scale, axis=alt.Axis(tickCount=5, orient="top", format=",~f"))
    full_y = alt.Y("model:N", sort=order, axis=None, scale=alt.Scale(padding=0.9))
    y = alt.Y("model:N", sort=order)
    colour = alt.Color("kind:N", legend=None, scale=scale_of(alt, names, COLOURS))
    dash = alt.StrokeDash("kind:N", legend=None, scale=scale_of(alt, names, DASHES))
    shape = alt.Shape(
        "kind:N",
        legend=None,
        scale=alt.Scale(
            domain=names,
            range=[{"running": "triangle-right", "before": "triangle-left"}.get(k, "circle") for k in kinds],
        ),
    )
    hints = [alt.Tooltip(name, type="nominal") for name in ("model", "released", "days", "kind", "by")]
    layers = [
        alt.Chart(rows_of.named(bars))
        .mark_rule(strokeWidth=2)
        .encode(x=x, x2="start:Q", y=full_y, color=colour, strokeDash=dash),
        alt.Chart(rows_of.named(bars))
        .mark_point(filled=True, size=80, opacity=1)
        .encode(x="days:Q", y=y, color=colour, shape=shape, tooltip=hints),
        alt.Chart(rows_of.named([{**bar, "days": 0} for bar in bars]))
        .mark_text(align="left", dx=2, dy=-11, fontSize=12, fill=INK, limit=300)
        .encode(x="days:Q", y=y, text="model:N"),
    ]
    if median is not None and median["median_lag_days"] is not None:
        low, high = median["median_lag_days_low"], median["median_lag_days_high"]
        middle = {
            "days": median["median_lag_days"],
            "low": low,
            "high": longest * 1.08 if high is None else high,
        }
        if low is not None:
            layers.insert(
                1,
                alt.Chart(rows_of.named([middle]))
                .mark_rect(fill=FAINT, opacity=0.15)
                .encode(x="low:Q", x2="high:Q"),
            )
        layers.insert(
            1, alt.Chart(rows_of.named([middle])).mark_rule(stroke=FAINT, strokeWidth=2).encode(x="days:Q")
        )
    return finished(alt.layer(*layers).properties(width="container", height=34 * len(bars)), rows_of)


def _offer(market: Market, row: Row) -> str:
    return f"{market.name('model', row['model_id'])}, sold by {market.name('provider', row['host_id'])}"


def board_name(board_id: str) -> str:
    return BOARDS.get(board_id, say.words(board_id))
