"""What tokens cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from warehouse.report import say
from warehouse.report.charts import legend, numbers, step_chart, steps_table
from warehouse.report.content import Figure, Part, Section, Table
from warehouse.report.market import IS_OWN_HOST, MODEL_PRICES, OVERALL, OWN_HOSTS, Market, Row

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
    )
    select
        model_id as series, model_id as line, price_date as day, median(blended_usd_per_mtok) as value,
        model_id, null as model_raw, min(host_id) filter (is_own_host) as host_id
    from chosen
    group by all
"""

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
                ),
                legend(names.values()),
                steps_table(mine, "USD per million tokens"),
                numbers=numbers(mine, "blended_usd_per_mtok"),
                explained=say.explained(
                    "token_prices_blended_daily",
                    price_date=latest[names[sold[-1]]].day,
                    model_id=sold[-1],
                    host_id=OWN_HOSTS.get(lab_id, lab_id),
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
    return Section(*section, lead, tuple(figures), is_grid=True), []


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
