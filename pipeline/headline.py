"""Where the market stands, in four short tables: what `aimarket run` prints at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warehouse.publish import Release
from warehouse.query import connect


@dataclass(frozen=True)
class Section:
    """A titled table; ``when_empty`` says why it may have no rows."""

    title: str
    columns: list[str]
    rows: Sequence[Sequence[Any]]
    when_empty: str


@dataclass(frozen=True)
class Headline:
    """What the release says at a glance."""

    sections: list[Section]


QUERIES = (
    (
        "H100 rental, USD per GPU-hour (list prices and offers, not trades)",
        "no H100 price was ever read",
        """
        select
            segment,
            purchase_type as sale,
            gpu_id as gpu,
            latest_date as "as of",
            round(latest_usd_per_gpu_hour, 2) as level,
            round(peak_usd_per_gpu_hour, 2) as peak,
            peak_date as "peak on",
            printf('%+.0f %%', 100 * drawdown_ratio) as "from peak",
            round(trough_usd_per_gpu_hour, 2) as trough,
            trough_date as "trough on",
            printf('%+.0f %%', 100 * rebound_ratio) as rebound,
            providers_max as providers,
            status
        from marts.h100_rental_decline
        where status <> 'suppressed'
        order by latest_date desc, observed_days desc
        limit 14
        """,
    ),
    (
        "Cheapest GPT-4-class tokens, USD per million (3 input : 1 output)",
        "no token price meets a leaderboard snapshot",
        """
        select
            price_month as month,
            round(usd_per_mtok, 3) as price,
            model_id as model,
            host_id as host,
            eligible_model_count as "models to choose from"
        from marts.capability_prices_monthly
        where reference_model = 'gpt-4-0314' and usd_per_mtok is not null
        qualify
            price_month = max(price_month) over (partition by date_trunc('quarter', price_month))
            and row_number() over (partition by price_month order by score_date desc, board_version) = 1
        order by price_month
        """,
    ),
    (
        "Who leads the boards",
        "no leaderboard was ever read",
        """
        select
            leaderboard as board,
            max(score_date) as "as of",
            arg_max(model_raw, score_date) filter (where is_leader) as leader,
            arg_max(score, score_date) filter (where is_leader) as score,
            arg_max(model_raw, score_date) filter (where is_open_leader) as "best open model",
            arg_max(score, score_date) filter (where is_open_leader) as "its score",
            any_value(score_unit) as unit
        from marts.leaderboard_scores_daily
        where category = 'overall' and metric in ('rating', 'pass_rate_2')
        group by leaderboard, board_version
        qualify max(score_date) = max(max(score_date)) over (partition by leaderboard)
        order by leaderboard
        """,
    ),
    (
        "How old each input is (of those ever read; `aimarket status` shows all)",
        "nothing was ever read",
        """
        select
            source_id as source,
            last_outcome as "last attempt",
            last_reading_at::date as "last reading",
            round(age_days) as "age in days",
            row_count as rows
        from ops.source_freshness
        where last_reading_at is not null
        order by age_days nulls last, source_id
        """,
    ),
)


def headline(release: Release) -> Headline:
    """The four tables of a release."""
    sections = []
    with connect(release.path) as connection:
        for title, when_empty, query in QUERIES:
            result = connection.execute(query)
            columns = [column[0] for column in result.description or ()]
            sections.append(Section(title, columns, result.fetchall(), when_empty))
    return Headline(sections)
