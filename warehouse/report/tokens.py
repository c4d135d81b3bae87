"""What tokens cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from warehouse.report import say
from warehouse.report.capability import board_name
from warehouse.report.charts import legend, numbers, span, step_chart, steps_table
from warehouse.report.content import (
    BOARDS_AND_PRICES,
    LIST_PRICES,
    Fact,
    Figure,
    Filter,
    Part,
    Section,
    Table,
)
from warehouse.report.market import IS_OWN_HOST, MODEL_PRICES, OVERALL, Market, Point, Row, monthly

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

RECENT_STEPS: Final = {True: (365, 12), False: (90, 8)}
"""Days looked back on and steps shown, at labs' own interfaces (which move seldom) and at other sellers."""

KINDS: Final = {
    "matched": ("Matched", "the same models at the same sellers"),
    "hedonic": ("Hedonic", "a model of given quality"),
    "frontier": ("Frontier", "the three best models there are"),
}
"""Kinds of index drawn, in page order: name and what it prices."""

PRICED: Final = {
    "blended": "3 parts input, 1 part output",
    "input": "input",
    "output": "output",
    "blended_cached_50": "the blend, half of its input from a cache",
    "blended_cached_90": "the blend, nine tenths of its input from a cache",
    "top_1": "the best model",
    "top_3": "the three best models",
}

_INDICES: Final = """
    select
        * exclude (series), index_kind as series, index_kind as line, price_month as month,
        index_value as value, index_low as low, index_high as high
    from marts.token_price_index_monthly
    where
        list_contains(?, index_kind)
        and series = case index_kind when 'frontier' then 'top_3' else 'blended' end
    order by line, month
"""

_COMPARISON: Final = """
    select *
    from marts.token_price_index_monthly
    where index_value is not null
    qualify row_number() over (partition by index_kind, series order by price_month desc) = 1
    order by
        list_position(['matched', 'hedonic', 'frontier', 'fixed_capability'], index_kind),
        series <> 'blended', series
"""

_FLAGSHIPS: Final = f"""
    with best as (
        select models.lab_id, overall.model_id, overall.score_date
        from ({OVERALL}) as overall
        join core.dim_models as models using (model_id)
        where list_contains(?, models.lab_id)
        qualify row_number() over (
            partition by overall.score_date, overall.board_version, models.lab_id
            order by overall.score desc, overall.model_raw
        ) = 1
    )
    select lab_id, model_id
    from best
    where model_id in (select model_id from ({MODEL_PRICES}))
    group by lab_id, model_id
    qualify row_number() over (partition by lab_id order by max(score_date) desc, model_id) <= ?
    order by lab_id, min(score_date), model_id
"""

_FLAGSHIP_PRICES: Final = f"""
    with chosen as (
        select *
        from ({MODEL_PRICES})
        where list_contains(?, model_id)
        qualify is_own_host or not bool_or(is_own_host) over (partition by model_id)
    ),
    daily as (
        select
            model_id, price_date as day, median(blended_usd_per_mtok) as value,
            min(host_id) filter (is_own_host) as host_id, min(source_id) filter (is_own_host) as source_id
        from chosen
        group by all
    ),
    turns as (
        select
            *,
            lag(source_id) over days <> source_id and lag(value) over days <> value as is_turn
        from daily
        window days as (partition by model_id order by day)
    )
    select
        model_id as series, day, value, model_id, null as model_raw, host_id,
        if(
            count(*) filter (is_turn) over (partition by model_id) > 1,
            concat(model_id, '/', source_id),
            model_id
        ) as line
    from turns
"""
"""Where catalogues taken in turn disagree, each makes a line: none leaps between them."""

_OWN_HOSTS: Final = "select lab_id, own_host_id from core.dim_labs"

_RECENT_STEPS: Final = f"""
    with steps as (
        select *, coalesce({IS_OWN_HOST}, false) as is_own_host, max(change_date) over () as last_date
        from marts.token_price_changes
        join core.dim_models using (model_id)
        where component in ('input', 'output') and service_tier = 'standard'
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


def indices(market: Market) -> Part:
    """The three kinds of a token price index side by side, and what each says of a year."""
    section = ("token-index", "Three answers to what a token costs")
    rows = market.rows(_INDICES, list(KINDS)) if market.has("marts.token_price_index_monthly") else []
    drawn = [row for row in rows if row["value"] is not None]
    if not drawn:
        return Section(*section, missing="This release holds no token price index."), []
    for row in drawn:
        row["series"] = ": ".join(KINDS[row["index_kind"]])
    points = monthly(drawn)
    last = {row["index_kind"]: row for row in drawn}
    kinds = [kind for kind in KINDS if kind in last]
    names = [last[kind]["series"] for kind in kinds]
    words = " ".join(
        f"{KINDS[kind][0]}: {say.index(last[kind]['value'])} in {say.month(last[kind]['month'])} "
        f"({say.month(last[kind]['base_month'])} = 100; 90 % interval "
        f"{span(last[kind]['low'], last[kind]['high'], say.index)}), from "
        f"{say.count(last[kind]['input_count'])} prices of {say.count(last[kind]['model_count'])} models."
        for kind in kinds
    )
    figure = Figure(
        "chart-token-index",
        "Price of tokens by three indices",
        words,
        step_chart(points, names, "index", is_log=True, height=320),
        legend(names),
        steps_table(points, "Index", worded=say.index, band="90 % interval", dated=say.month),
        numbers(points, "index_value"),
        "index, 100 in the first month of each; a band is a 90 % interval",
        BOARDS_AND_PRICES,
        say.month(max(row["month"] for row in drawn)),
        "Logarithmic scale. The frontier is the price of other models every few months; it is not the price "
        "of one good.",
        explained=_explained(last[kinds[0]]),
    )
    suppressed = (row["status_reason"] for row in rows if row["value"] is None)
    lead = (
        f"{words} They differ because they ask different things: the same models at the "
        "same sellers, a model of given quality, or the best there is. "
        + say.left_out("months of an index", suppressed)
    )
    fact = Fact(
        "Tokens of a given quality, a year",
        say.change(_yearly(drawn, "hedonic")),
        f"hedonic index; the same models at the same sellers {say.change(_yearly(drawn, 'matched'))}",
        _explained(last["hedonic"]) if "hedonic" in last else "",
    )
    table = _comparison(market)
    tables = (table,) if table else ()
    facts = [fact] if _yearly(drawn, "hedonic") is not None else []
    return Section(*section, lead.strip(), (figure,), tables), facts


def _explained(row: Row) -> str:
    kind = row["index_kind"]
    series = "top_3" if kind == "frontier" else "blended"
    return say.explained(
        "token_price_index_monthly", index_kind=kind, series=series, price_month=row["month"]
    )


def _yearly(rows: Sequence[Row], kind: str) -> float | None:
    """Change over the twelve months to the latest month that has one, as a ratio less 1."""
    changes = [row["log_change_12m"] for row in rows if row["line"] == kind]
    known = [change for change in changes if change is not None]
    return math.expm1(known[-1]) if known else None


def _comparison(market: Market) -> Table | None:
    rows = market.rows(_COMPARISON)
    if not rows:
        return None
    return Table(
        ("Kind", "What is priced", "Month", "Index", "90 % interval", "Base", "Twelve months"),
        [
            (
                KINDS[row["index_kind"]][0] if row["index_kind"] in KINDS else "Fixed capability",
                PRICED.get(row["series"]) or _level(row["series"]),
                say.month(row["price_month"]),
                say.index(row["index_value"]),
                span(row["index_low"], row["index_high"], say.index),
                f"{say.month(row['base_month'])} = 100",
                say.change(None if row["log_change_12m"] is None else math.expm1(row["log_change_12m"])),
            )
            for row in rows
        ],
        frozenset(("Index", "90 % interval", "Twelve months")),
        "Every token price index in its latest published month. Fixed capability: the cheapest model that a "
        "board rates at least as high.",
    )


def _level(series: str) -> str:
    """Words for board_id/level_id."""
    board_id, _, level_id = series.partition("/")
    return f"{board_name(board_id)}: {level_id}"


def flagships(market: Market) -> Part:
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
    own_hosts = {row["lab_id"]: row["own_host_id"] for row in market.rows(_OWN_HOSTS)}
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
        sold = [id_ for id_ in models if id_ in own]
        figures.append(
            Figure(
                f"chart-tokens-{lab_id}",
                f"{lab} flagships: price of a million tokens",
                " ".join(f"{name}: {say.usd(p.value)} on {say.day(p.day)}." for name, p in latest.items()),
                step_chart(
                    mine,
                    list(names.values()),
                    "USD per million tokens",
                    is_log=True,
                    days=days,
                    values=values,
                    height=220,
                    is_choosable=True,
                ),
                legend(names.values()),
                steps_table(mine, "USD per million tokens"),
                numbers(mine, "blended_usd_per_mtok"),
                "USD per million tokens",
                LIST_PRICES,
                say.day(max(point.day for point in mine)),
                _disagreement(mine),
                (lab, *names.values()),
                say.explained(
                    "token_prices_blended_daily",
                    price_date=latest[names[sold[-1]]].day,
                    model_id=sold[-1],
                    host_id=own_hosts[lab_id],
                    service_tier="standard",
                )
                if sold
                else "",
            )
        )
    lead = (
        "A lab's flagships are its models that led its entries on the Arena board in some snapshot; the last "
        f"{FLAGSHIPS_PER_LAB} with a known price are drawn. Three parts input to one part output, at the "
        "lab's own interface, or the median of hosts where the lab sells none. All charts share one "
        "logarithmic scale."
    )
    choice = Filter("Show model", {figure.keys[0]: figure.keys[1:] for figure in figures})
    return Section(*section, lead, tuple(figures), is_grid=True, choice=choice), []


def _disagreement(points: Sequence[Point]) -> str:
    """A sentence on the models of which catalogues tell other prices, and so have a line for each."""
    lines = {(point.series, point.line) for point in points}
    names = [name for name, count in Counter(series for series, _ in lines).items() if count > 1]
    if not names:
        return ""
    return (
        f"Catalogues disagree about {' and '.join(sorted(names))}, and the one taken changes: another level "
        "there is not a step of the price."
    )


def recent_steps(market: Market) -> Part:
    section = ("steps", "Biggest recent steps of token prices")
    known = market.has("marts.token_price_changes", "core.dim_models")
    tables = []
    for is_own_host, (days, count) in RECENT_STEPS.items():
        rows = market.rows(_RECENT_STEPS, is_own_host, days, count) if known else []
        if rows:
            where = "At labs' own interfaces" if is_own_host else "At other sellers"
            caption = f"{where}, {days} days to {say.day(rows[0]['last_date'])}; USD per million tokens"
            tables.append(_step_rows(market, rows, caption))
    if not tables:
        return Section(*section, missing="This release holds no step of a token price."), []
    lead = (
        "The largest steps of input and output prices, one per model and seller. Repairs of a catalogue, "
        "steps taken back within two weeks and a new model behind an old name do not count as steps."
    )
    return Section(*section, lead, tables=tuple(tables)), []


def _step_rows(market: Market, rows: Sequence[Row], caption: str) -> Table:
    return Table(
        ("Day", "Model", "Sold by", "Tokens", "Old", "New", "Change", "Days at the old price"),
        [
            (
                say.day(row["change_date"]),
                market.name("model", row["model_id"], row["model_raw"]),
                market.name("provider", row["host_id"]),
                say.words(row["component"]),
                say.usd(row["old_usd_per_mtok"]),
                say.usd(row["new_usd_per_mtok"]),
                say.change(row["ratio"] - 1),
                say.count(row["days_held"]),
            )
            for row in rows
        ],
        frozenset(("Old", "New", "Change", "Days at the old price")),
        caption,
    )
