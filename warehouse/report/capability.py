"""What a capability costs, and who leads."""

from __future__ import annotations

from typing import Final

from warehouse.report import say
from warehouse.report.charts import legend, numbers, step_chart, steps_table
from warehouse.report.content import Fact, Figure, Part, Section
from warehouse.report.market import MODEL_PRICES, OVERALL, Market, Point

GPT_4_ID: Final = "gpt-4"

GPT_4_NAME: Final = "gpt-4-0314"
"""The original GPT-4, whose score bounds the class; its turbo forms are models of their own."""

CHEAPEST: Final = "cheapest model of the class"

CLOSED, OPEN = "best closed model", "best open-weight model"

LONGEST_BRIDGED_SCORE_DAYS: Final = 45
"""The same for scores: boards are published weekly to monthly."""

LONGEST_BRIDGED_MONTH_DAYS: Final = 35
"""A line of one price a month breaks where a month is missing."""

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
    from ({MODEL_PRICES})
    where model_id = '{GPT_4_ID}' and is_own_host
    order by price_date
    limit 1
"""

_FRONTIER: Final = f"""
    with overall as ({OVERALL}),
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


def gpt_4_class(market: Market) -> Part:
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
        name = f"GPT-4 itself in {say.month(gpt_4['day'])}"
        drawn.append(name)
        points += [Point(name, name, 1, day, gpt_4["value"]) for day in (gpt_4["day"], now.day)]
        fall = f"{gpt_4['value'] / now.value:,.0f} times cheaper than GPT-4 at {say.usd(gpt_4['value'])}: "
    explained = say.explained("capability_prices_monthly", price_date=now.day, reference_model=GPT_4_NAME)
    figure = Figure(
        "chart-gpt-4-class",
        f"Cheapest GPT-4-class model: {say.usd(start.value)} a million tokens in "
        f"{say.month(start.day)}, {say.usd(now.value)} in {say.month(now.day)}",
        f"On {say.day(now.day)} the cheapest was {now.hint}, at {say.usd(now.value)} a million tokens.",
        step_chart(points, drawn, "USD per million tokens", is_log=True, height=280),
        legend(drawn),
        steps_table(points, "USD per million tokens", "Offer"),
        numbers(points, "blended_usd_per_mtok"),
        "Logarithmic scale. Rest on a step to see which offer it is.",
        explained,
    )
    lead = (
        "The lowest list price of a model that the Arena board rates at least as high as the original GPT-4 "
        "in the same snapshot, three parts input to one part output, at the end of each month. A price "
        "counts where the lab itself asks it, or another seller asks no more; slips of two weeks and free "
        "offers do not. Models newer than the last snapshot are not in the class."
    )
    fact = Fact(
        "A million GPT-4-class tokens",
        say.usd(now.value),
        f"{fall}{now.hint}; as of {say.day(now.day)}",
        explained,
    )
    return Section(*section, lead, (figure,)), [fact]


def frontier(market: Market) -> Part:
    """Best closed and best open model at each snapshot."""
    section = ("frontier", "The frontier: best closed against best open model")
    known = market.has("marts.leaderboard_scores_daily")
    points = market.points(_FRONTIER, bridged=LONGEST_BRIDGED_SCORE_DAYS) if known else []
    if not points:
        return Section(*section, missing="This release holds no overall leaderboard."), []
    latest = {point.series: point for point in sorted(points, key=lambda point: point.day)}
    facts, words, explained = [], "", ""
    if len(latest) == 2 and latest[CLOSED].day == latest[OPEN].day:
        gap = round(latest[CLOSED].value - latest[OPEN].value)
        words = (
            f"On {say.day(latest[OPEN].day)} the best closed model, {latest[CLOSED].hint}, stood {abs(gap)} "
            f"points {'ahead of' if gap >= 0 else 'behind'} the best open-weight model, {latest[OPEN].hint}."
        )
        detail = f"{latest[CLOSED].hint} against {latest[OPEN].hint}; as of {say.day(latest[OPEN].day)}"
        [board] = market.rows(f"select any_value(leaderboard) as board_id from ({OVERALL})")
        explained = say.explained("capability_gap_daily", score_date=latest[OPEN].day, **board)
        facts = [Fact("Closed ahead of open, Arena points", f"{gap:+d}".replace("-", "−"), detail, explained)]
    figure = Figure(
        "chart-frontier",
        "Arena score of the best closed and the best open-weight model",
        words,
        step_chart(points, [CLOSED, OPEN], "Arena score (Elo-like points)", height=300, is_zero_based=False),
        legend([CLOSED, OPEN]),
        steps_table(points, "Score", "Model", lambda value: f"{value:.0f}"),
        numbers(points, "score"),
        "Scores compare within one snapshot only: the scale is re-estimated over time and starts anew with a "
        "new version of the board. Read the distance between the lines, not their climb.",
        explained,
    )
    return Section(*section, words, (figure,)), facts
