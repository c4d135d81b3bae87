"""What each mart's values stand on: which tables of a release hold the inputs, and which of their rows enter.

A rule is SQL over ``value`` (the row explained, or rows that are inputs themselves) and ``input`` (a row of
the table); ``value.value_id`` tells several values apart. Rules follow the models in sql/; a test works
values out again from the rows a rule finds. What enters from a seed is named, as no release holds seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Inputs:
    """Rows of one table that a value stands on."""

    what: str
    table: str
    condition: str
    excluded: str = "null"
    """Reason why an input does not count, null for one that does."""
    formula: str = ""
    """Query over ``counted``, the inputs that count, and ``value``: columns of the value worked out again."""
    at_top: bool = False
    """Only for the value asked about: where it is an input itself, this would not lead to its bytes."""
    is_followed: bool = True
    """Whether the inputs' own inputs are told, too."""


@dataclass(frozen=True)
class Rule:
    """How the values of a mart come about."""

    section: str
    """Heading of docs/methodology.md, without the tables it names."""
    inputs: tuple[Inputs, ...] = ()
    formula: str = ""
    """Query over ``value`` alone: columns that follow from its other columns."""
    seeds: tuple[str, ...] = ()
    """Tables of hand-kept figures that enter, each row with its source."""


OFFERS: Final = "core.fct_gpu_offer_prices_daily"
SPELLS: Final = "core.fct_token_price_spells"
PRICES: Final = "marts.gpu_prices_daily"
TRENDS: Final = "marts.gpu_price_trends_daily"
INDEX_INPUTS: Final = "marts.gpu_rental_index_inputs_monthly"
INDEX: Final = "marts.gpu_rental_index_monthly"
TOKENS: Final = "marts.token_prices_daily"
SCORES: Final = "marts.leaderboard_scores_daily"

SALE: Final = """input.gpu_id = value.gpu_id and input.purchase_type = value.purchase_type
        and input.commitment_months = value.commitment_months"""
CELL: Final = f"{SALE} and input.segment = value.segment"
CELL_OR_PART: Final = f"{SALE} and value.segment in (input.segment, 'composite')"
"""A composite stands on every segment."""
SELLER: Final = f"{SALE} and input.provider_id = value.provider_id"

WITHHELD_OFFER: Final = """(
    select any_value('withheld: ' || corrections.reason)
    from ops.corrections as corrections
    where corrections.market = 'gpu' and corrections.withheld_usd is not null
        and corrections.source_id = input.source_id and corrections.series_key = input.offer_key
        and input.price_date >= corrections.withheld_from_date
        and input.price_date < coalesce(corrections.withheld_until_date, date '9999-12-31')
)"""
WITHHELD_SPELL: Final = """(
    select any_value('withheld: ' || corrections.reason)
    from ops.corrections as corrections
    where corrections.market = 'token' and corrections.withheld_usd = input.usd_amount
        and corrections.source_id = input.source_id
        and corrections.series_key = concat_ws(
            ' | ', input.host_raw, input.model_raw, input.component,
            case when input.unit <> 'usd_per_mtok' then input.unit end,
            case when input.service_tier <> 'standard' then input.service_tier end,
            case when input.min_context_tokens > 0 then 'from ' || input.min_context_tokens end,
            nullif(input.utc_window, ''), nullif(input.quantization, '')
        )
        and cast(input.first_seen_at as date) >= corrections.withheld_from_date
        and cast(input.first_seen_at as date) <= coalesce(corrections.withheld_until_date, date '9999-12-31')
)"""
NOT_IN_INDEX: Final = """case
    when input.is_index_input then null
    when input.outlier_reason is not null then input.outlier_reason
    when input.price_statistic = 'minimum' then 'only the lowest of several is stated'
    else 'the source repeats others and serves as a cross-check'
end"""
NOT_PRIMARY: Final = """case
    when not input.is_primary then 'another line speaks for the host, or it is free'
end"""
SUPPRESSED: Final = "case when input.status = 'suppressed' then input.status_reason end"
IN_MONTH: Final = "input.price_date between {month} and last_day({month})"

HEADLINE_SCORES: Final = """input.leaderboard = value.board_id and input.category = 'overall'
        and input.metric in ('rating', 'pass_rate_2', 'mean_score', 'accuracy')"""
"""The category and metrics of the seed ``boards``, whose ids are names of leaderboards."""
ANOTHER_MIRROR: Final = """case
    when input.is_withdrawn then 'withdrawn from the board'
    when input.score_unit = 'elo' and input.board_version <> mode(input.board_version) over (
        partition by value.value_id, input.score_date
    ) then 'another mirror of the board is fuller'
end"""

# A rent is the median of the last month with a level, which may end up to 60 days before the month asked for.
RENT_DAYS: Final = """input.price_date <= last_day({month}) and input.price_date >= {month} - interval 61 day
    and input.series_id = value.{series}"""
RENT_EXCLUDED: Final = f"""coalesce({SUPPRESSED}, case
    when date_trunc('month', input.price_date) < max(
        case when input.status <> 'suppressed' then date_trunc('month', input.price_date) end
    ) over (partition by value.value_id) then 'a later month has a level'
end)"""


def rent(month: str, series: str, column: str) -> Inputs:
    """The daily levels a month's rent is the median of."""
    return Inputs(
        "daily levels of the month's rent",
        TRENDS,
        RENT_DAYS.format(month=month, series=series),
        RENT_EXCLUDED,
        f"select median(cast(level_usd_per_gpu_hour as double)) as {column} from counted",
    )


def four_weeks(*dates: str, formula: str) -> Inputs:
    """The daily levels behind a 28-day median on each of some dates of the value."""
    within = " or ".join(f"input.price_date between value.{day} - 27 and value.{day}" for day in dates)
    return Inputs(
        "daily levels of the 28 days up to " + ", ".join(day.removesuffix("_date") for day in dates),
        TRENDS,
        f"input.series_id = value.series_id and ({within})",
        SUPPRESSED,
        formula,
    )


def level_at(day: str) -> str:
    return f"""median(cast(counted.level_usd_per_gpu_hour as double))
        filter (where counted.price_date between value.{day} - 27 and value.{day})"""


MATCHED_MONTHS: Final = "date_trunc('month', input.price_date) in (value.index_month, value.link_month)"
NOT_ENTERING: Final = f"""coalesce(
    input.exclusion_reason,
    {WITHHELD_OFFER},
    case when not exists (
        select 1
        from {PRICES} as prices
        where prices.is_index_input and prices.price_date = input.price_date
            and prices.gpu_id = input.gpu_id and prices.provider_id = input.provider_id
            and prices.purchase_type = input.purchase_type
            and prices.commitment_months = input.commitment_months
            and prices.source_id = input.source_id and prices.price_statistic = input.price_statistic
    ) then 'not in the price of the seller that day' end
)"""

RULES: Final[Mapping[str, Rule]] = {
    PRICES: Rule(
        "GPU rental prices",
        (
            Inputs(
                "offers of the seller on the day",
                OFFERS,
                f"input.price_date = value.price_date and {SELLER}",
                f"""coalesce(input.exclusion_reason, {WITHHELD_OFFER}, case
                    when input.source_id <> value.source_id
                        then 'another source speaks for the seller: ' || value.source_id
                    when input.price_statistic <> value.price_statistic
                        then 'a statistic over offers beside finer ones'
                end)""",
                """select min(usd_per_gpu_hour) as min_usd_per_gpu_hour,
                    quantile_cont(usd_per_gpu_hour, 0.5) as median_usd_per_gpu_hour,
                    max(usd_per_gpu_hour) as max_usd_per_gpu_hour, count(*) as offer_count from counted""",
            ),
            Inputs(
                "exchange rates that offers in other currencies were converted with",
                "core.fct_fx_rates",
                f"""exists (
                    select 1
                    from {OFFERS} as offers
                    where offers.price_date = value.price_date and offers.provider_id = value.provider_id
                        and offers.gpu_id = value.gpu_id and offers.source_id = value.source_id
                        and offers.currency = input.currency and offers.fx_rate_date = input.rate_date
                )""",
                at_top=True,
            ),
        ),
    ),
    TRENDS: Rule(
        "GPU rental levels, spread and availability",
        (
            Inputs(
                "sellers of the day, each with one voice",
                PRICES,
                f"input.price_date = value.price_date and {CELL}",
                NOT_IN_INDEX,
                """select
                    quantile_cont(cast(median_usd_per_gpu_hour as double), 0.25) as p25_usd_per_gpu_hour,
                    median(cast(median_usd_per_gpu_hour as double)) as level_usd_per_gpu_hour,
                    quantile_cont(cast(median_usd_per_gpu_hour as double), 0.75) as p75_usd_per_gpu_hour,
                    count(*) as provider_count
                from counted""",
            ),
            Inputs(
                "daily levels of the 28 days smoothed over",
                TRENDS,
                """input.series_id = value.series_id
                    and input.price_date between value.price_date - 27 and value.price_date""",
                SUPPRESSED,
                """select median(cast(level_usd_per_gpu_hour as double)) as smoothed_usd_per_gpu_hour,
                    count(*) as smoothed_day_count from counted""",
                at_top=True,
                is_followed=False,
            ),
            Inputs(
                "sellers on the days that the changes look back to (7, 30, 90, 365 days)",
                PRICES,
                f"value.price_date - input.price_date in (7, 30, 90, 365) and {CELL}",
                NOT_IN_INDEX,
                at_top=True,
            ),
        ),
    ),
    "marts.gpu_price_spread_daily": Rule(
        "GPU rental levels, spread and availability",
        (
            Inputs(
                "sellers of the day",
                PRICES,
                f"input.price_date = value.price_date and {CELL}",
                NOT_IN_INDEX,
                """select max(cast(median_usd_per_gpu_hour as double)) / min(median_usd_per_gpu_hour)
                    as dearest_to_cheapest_ratio,
                    quantile_cont(cast(median_usd_per_gpu_hour as double), 0.75)
                    / quantile_cont(cast(median_usd_per_gpu_hour as double), 0.25) as interquartile_ratio,
                    exp(stddev_samp(ln(median_usd_per_gpu_hour))) as geometric_deviation_ratio,
                    count(*) as provider_count from counted""",
            ),
        ),
    ),
    "marts.gpu_availability_daily": Rule(
        "GPU rental levels, spread and availability",
        (
            Inputs(
                "offers seen on the day itself",
                OFFERS,
                f"input.price_date = value.price_date and {CELL}",
                f"""case
                    when cast(input.last_observed_at as date) < input.price_date
                        then 'not seen on the day itself'
                    when input.exclusion_reason <> 'not rentable' then input.exclusion_reason
                    when input.source_id <> (
                        select others.source_id
                        from {OFFERS} as others
                        where others.price_date = input.price_date and others.segment = input.segment
                            and others.gpu_id = input.gpu_id and others.purchase_type = input.purchase_type
                            and others.commitment_months = input.commitment_months
                            and others.provider_id = input.provider_id
                            and cast(others.last_observed_at as date) = others.price_date
                            and coalesce(others.exclusion_reason, 'not rentable') = 'not rentable'
                        group by 1
                        order by count(coalesce(others.is_available, others.available_count > 0)) desc,
                            count(*) desc, 1
                        limit 1
                    ) then 'another source says more of the seller'
                end""",
                """select count(*) filter (where coalesce(is_available, available_count > 0))
                    as available_offer_count,
                    count(*) filter (where not coalesce(is_available, available_count > 0))
                    as unavailable_offer_count,
                    available_offer_count / nullif(available_offer_count + unavailable_offer_count, 0)
                    as available_ratio, count(*) as offer_count from counted""",
            ),
        ),
    ),
    INDEX_INPUTS: Rule(
        "GPU rental index",
        (
            Inputs(
                "daily prices of the seller in the month",
                PRICES,
                f"""{IN_MONTH.format(month="value.index_month")} and {CELL}
                    and input.provider_id = value.provider_id""",
                NOT_IN_INDEX,
                """select exp(avg(ln(cast(median_usd_per_gpu_hour as double)))) as usd_per_gpu_hour,
                    count(*) as day_count from counted""",
            ),
            Inputs(
                "offers of the month and of the month it is compared with",
                OFFERS,
                f"{MATCHED_MONTHS} and value.part = 'matched' and {SELLER}",
                f"""coalesce({NOT_ENTERING}, case when 2 > count(
                    distinct case when {NOT_ENTERING} is null then date_trunc('month', input.price_date) end
                ) over (partition by value.value_id, input.source_id, input.offer_key)
                    then 'not on sale in both months' end)""",
                """select exp(avg(log_change)) - 1 as change_ratio, count(*) as matched_offer_count
                from (
                    select
                        avg(ln(counted.usd_per_gpu_hour))
                        filter (where date_trunc('month', counted.price_date) = value.index_month)
                        - avg(ln(counted.usd_per_gpu_hour))
                        filter (where date_trunc('month', counted.price_date) = value.link_month)
                        as log_change
                    from counted cross join value
                    group by counted.source_id, counted.offer_key
                )""",
            ),
        ),
    ),
    INDEX: Rule(
        "GPU rental index",
        (
            Inputs(
                "sellers of the month",
                INDEX_INPUTS,
                f"input.index_month = value.index_month and {CELL_OR_PART}",
                "case when input.part in ('excluded', 'missing') then input.status_reason end",
                """select case when any_value(value.segment) <> 'composite'
                    then median(cast(counted.usd_per_gpu_hour as double)) end as level_usd_per_gpu_hour,
                    count(counted.usd_per_gpu_hour) as provider_count from counted cross join value""",
            ),
            Inputs(
                "the segments it is composed of",
                INDEX,
                f"""value.segment = 'composite' and input.segment <> 'composite'
                    and input.index_month = value.index_month and {SALE}""",
                "case when input.level_status = 'suppressed' then input.level_status_reason end",
                "select avg(cast(level_usd_per_gpu_hour as double)) as level_usd_per_gpu_hour from counted",
                is_followed=False,
            ),
            Inputs(
                "published months it is linked to (a mean over those of the window)",
                INDEX,
                """input.series_id = value.series_id and input.base_month = value.base_month
                    and input.index_month < value.index_month
                    and input.index_month >= value.index_month - interval 24 month""",
                SUPPRESSED,
                at_top=True,
                is_followed=False,
            ),
        ),
    ),
    "marts.gpu_rental_index_daily": Rule(
        "GPU rental index",
        (
            Inputs(
                "sellers of the day",
                PRICES,
                f"input.price_date = value.index_date and {CELL_OR_PART}",
                NOT_IN_INDEX,
                """select case when any_value(value.segment) <> 'composite'
                    then median(cast(counted.median_usd_per_gpu_hour as double)) end as level_usd_per_gpu_hour
                    from counted cross join value""",
            ),
            Inputs(
                "sellers of the month it is compared with",
                INDEX_INPUTS,
                f"input.index_month = value.reference_month and {CELL_OR_PART}",
                """case when input.part in ('excluded', 'missing') then input.status_reason
                    when input.part = 'level_only' then 'kept by hand: shows levels, no changes' end""",
            ),
            Inputs(
                "published index of that month",
                INDEX,
                "input.series_id = value.series_id and input.index_month = value.reference_month",
                SUPPRESSED,
                is_followed=False,
            ),
        ),
    ),
    "marts.gpu_rental_steps_monthly": Rule(
        "Declines, rebounds and steps",
        (
            Inputs(
                "sellers of the month and of the month before",
                INDEX_INPUTS,
                """input.series_id = value.series_id
                    and input.index_month in (value.price_month, value.price_month - interval 1 month)""",
                "case when input.usd_per_gpu_hour is null then coalesce(input.status_reason, 'no price') end",
                """select median(cast(counted.usd_per_gpu_hour as double))
                    filter (where counted.index_month = value.price_month) as level_usd_per_gpu_hour,
                    median(cast(counted.usd_per_gpu_hour as double))
                    filter (where counted.index_month < value.price_month) as earlier_level_usd_per_gpu_hour,
                    any_value(value.level_usd_per_gpu_hour / value.earlier_level_usd_per_gpu_hour) - 1
                    as change_ratio from counted cross join value""",
            ),
        ),
    ),
    "marts.gpu_rental_legs": Rule(
        "Declines, rebounds and steps",
        (
            four_weeks(
                "start_date",
                "peak_date",
                "trough_date",
                "end_date",
                formula=f"""select {level_at("start_date")} as start_usd_per_gpu_hour,
                    {level_at("peak_date")} as peak_usd_per_gpu_hour,
                    {level_at("trough_date")} as trough_usd_per_gpu_hour,
                    any_value(value.trough_usd_per_gpu_hour / value.peak_usd_per_gpu_hour) - 1
                    as drawdown_ratio
                    from counted cross join value""",
            ),
        ),
    ),
    "marts.h100_rental_decline": Rule(
        "Declines, rebounds and steps",
        (
            four_weeks(
                "peak_date",
                "trough_date",
                "latest_date",
                formula=f"""select {level_at("latest_date")} as latest_usd_per_gpu_hour,
                    {level_at("peak_date")} as peak_usd_per_gpu_hour,
                    {level_at("trough_date")} as trough_usd_per_gpu_hour,
                    any_value(value.latest_usd_per_gpu_hour / value.peak_usd_per_gpu_hour) - 1
                    as drawdown_ratio,
                    any_value(value.latest_usd_per_gpu_hour / value.trough_usd_per_gpu_hour) - 1
                    as rebound_ratio
                    from counted cross join value""",
            ),
            Inputs(
                "legs of the series",
                "marts.gpu_rental_legs",
                "input.series_id = value.series_id",
                SUPPRESSED,
                "select count(*) as leg_count from counted",
                is_followed=False,
            ),
        ),
    ),
    TOKENS: Rule(
        "Token prices",
        (
            Inputs(
                "prices of the line that may stand on the day",
                SPELLS,
                """input.source_id = value.source_id and input.host_raw = value.host_raw
                    and input.model_raw = value.model_raw and input.service_tier = value.service_tier
                    and input.min_context_tokens = value.min_context_tokens
                    and input.utc_window = value.utc_window and input.quantization = value.quantization
                    and input.first_seen_at < value.price_date + 1
                    and input.last_seen_at >= value.price_date - 35""",
                f"""coalesce({WITHHELD_SPELL}, case
                    when cast(input.first_seen_at as date) < max(
                        case when {WITHHELD_SPELL} is null then cast(input.first_seen_at as date) end
                    ) over (partition by value.value_id, input.component, input.unit)
                        then 'a later price took its place'
                    when cast(input.effective_from as date) > value.price_date then 'not yet in force'
                    when cast(input.effective_to as date) <= value.price_date then 'no longer in force'
                    when cast(input.last_seen_at as date) < value.price_date
                        and cast(input.next_read_at as date) <= value.price_date
                        then 'the next reading no longer shows it'
                end)""",
                """select max(usd_amount) filter (where component = 'input' and unit = 'usd_per_mtok')
                    as input_usd_per_mtok,
                    max(usd_amount) filter (where component = 'output' and unit = 'usd_per_mtok')
                    as output_usd_per_mtok,
                    max(usd_amount) filter (where component = 'cache_read' and unit = 'usd_per_mtok')
                    as cache_read_usd_per_mtok,
                    (3 * input_usd_per_mtok + output_usd_per_mtok) / 4 as blended_usd_per_mtok
                    from counted""",
            ),
        ),
    ),
    "marts.token_prices_blended_daily": Rule(
        "Token prices",
        (
            Inputs(
                "lines of the host for the model on the day",
                TOKENS,
                """input.price_date = value.price_date and input.host_id = value.host_id
                    and input.model_id = value.model_id and input.service_tier = value.service_tier""",
                """case
                    when input.min_context_tokens > 0 then 'a longer context has its own price'
                    when input.is_free then 'free is no price'
                    when input.input_usd_per_mtok is null or input.output_usd_per_mtok is null
                        then 'not both prices stated'
                    when (input.source_id, input.host_raw, input.model_raw)
                        <> (value.source_id, value.host_raw, value.model_raw)
                        then 'another line speaks for the host'
                    when (input.utc_window = '') <> (value.window_count = 1)
                        then 'told by the hour and for the whole day'
                end""",
                """select case when any_value(value.window_count) = 1 then max(counted.input_usd_per_mtok) end
                    as input_usd_per_mtok,
                    case when any_value(value.window_count) = 1 then max(counted.output_usd_per_mtok) end
                    as output_usd_per_mtok from counted cross join value""",
            ),
        ),
        """select (3 * value.input_usd_per_mtok + value.output_usd_per_mtok) / 4 as blended_usd_per_mtok,
            (3 * (0.5 * value.input_usd_per_mtok + 0.5 * value.cache_read_usd_per_mtok)
            + value.output_usd_per_mtok) / 4 as blended_cached_50_usd_per_mtok from value""",
    ),
    "marts.token_price_changes": Rule(
        "Change or correction",
        (
            Inputs(
                "the step, with the rule that took it for a change",
                "core.price_steps",
                """input.market = 'token' and input.source_id = value.source_id
                    and input.step_at = value.new_first_seen_at and input.seller_raw = value.host_raw
                    and input.product_raw = value.model_raw and input.component = value.component
                    and input.unit = value.unit and input.service_tier = value.service_tier
                    and input.min_context_tokens = value.min_context_tokens
                    and input.utc_window = value.utc_window and input.quantization = value.quantization""",
                formula="""select max(previous_usd) as old_usd_amount, max(next_usd) as new_usd_amount,
                    max(next_usd) / max(previous_usd) as ratio from counted""",
            ),
            Inputs(
                "the prices before and after",
                SPELLS,
                """input.source_id = value.source_id and input.host_raw = value.host_raw
                    and input.model_raw = value.model_raw and input.component = value.component
                    and input.unit = value.unit and input.service_tier = value.service_tier
                    and input.min_context_tokens = value.min_context_tokens
                    and input.utc_window = value.utc_window and input.quantization = value.quantization
                    and (input.first_seen_at = value.new_first_seen_at
                    or input.last_seen_at = value.old_last_seen_at)""",
            ),
        ),
    ),
    "marts.token_price_index_monthly": Rule(
        "Token price indices",
        (
            Inputs(
                "prices that stood in the months compared",
                SPELLS,
                """value.index_kind in ('matched', 'hedonic') and input.service_tier = 'standard'
                    and input.min_context_tokens = 0 and input.unit = 'usd_per_mtok'
                    and input.component in ('input', 'output', 'cache_read')
                    and input.first_seen_at < value.price_month + interval 1 month and input.last_seen_at >=
                    value.price_month
                    - to_months(case value.index_kind when 'matched' then 24 else 12 end)""",
                f"""coalesce({WITHHELD_SPELL}, case
                    when input.host_id is null then 'host not resolved'
                    when input.is_free then 'free is no price'
                    when input.source_id in (
                        select sources.source_id from core.dim_sources as sources where sources.is_cross_check
                    ) then 'the source repeats others and serves as a cross-check'
                end)""",
            ),
            Inputs(
                "prices of the leading models in the month",
                TOKENS,
                f"""value.index_kind = 'frontier'
                    and list_contains(string_split(value.model_ids, ' '), input.model_id)
                    and {IN_MONTH.format(month="value.price_month")}""",
                NOT_PRIMARY,
            ),
            Inputs(
                "scores of the board that ranks them",
                SCORES,
                """value.index_kind in ('frontier', 'hedonic') and input.leaderboard = 'lmarena_text'
                    and input.category = 'overall' and input.score_date = (
                    select max(others.score_date) from marts.leaderboard_scores_daily as others
                    where others.leaderboard = 'lmarena_text' and others.category = 'overall'
                    and others.score_date <= last_day(value.price_month))""",
                ANOTHER_MIRROR,
            ),
            Inputs(
                "price of the capability in the month and in the base month",
                "marts.capability_prices_monthly",
                """value.index_kind = 'fixed_capability'
                    and input.board_id || '/' || input.level_id = value.series
                    and input.price_month in (value.price_month, value.base_month)""",
                SUPPRESSED,
                """select 100 * max(counted.usd_per_mtok)
                    filter (where counted.price_month = value.price_month)
                    / max(counted.usd_per_mtok) filter (where counted.price_month = value.base_month)
                    as index_value from counted cross join value""",
            ),
            Inputs(
                "published months it is compared with",
                "marts.token_price_index_monthly",
                """value.index_kind <> 'fixed_capability' and input.index_kind = value.index_kind
                    and input.series = value.series and input.price_month < value.price_month
                    and (input.price_month >= value.price_month - interval 24 month
                    or input.price_month = value.base_month)""",
                SUPPRESSED,
                at_top=True,
                is_followed=False,
            ),
        ),
    ),
    SCORES: Rule("Leaderboards"),
    "marts.capability_prices_monthly": Rule(
        "Price of a capability",
        (
            Inputs(
                "scores that decide who is good enough",
                SCORES,
                """input.leaderboard = value.leaderboard and input.board_version = value.board_version
                    and input.category = 'overall'
                    and input.metric in ('rating', 'pass_rate_2', 'mean_score', 'accuracy')
                    and (input.score_date = value.score_date
                    or (input.score_unit <> 'elo' and input.score_date < value.score_date))""",
                """case
                    when input.is_withdrawn then 'withdrawn from the board'
                    when input.score < value.reference_score then 'rated below the level'
                    when input.model_id is null then 'model not resolved'
                end""",
                "select count(distinct model_id) as eligible_model_count from counted",
            ),
            Inputs(
                "prices of the cheapest model of the class in the month",
                TOKENS,
                f"input.model_id = value.model_id and {IN_MONTH.format(month='value.price_month')}",
                NOT_PRIMARY,
                """select max(counted.blended_usd_per_mtok) filter (where counted.host_id = value.host_id)
                    as usd_per_mtok from counted cross join value""",
            ),
            Inputs(
                "other models of the class on the last day",
                TOKENS,
                """input.price_date = value.price_date and input.model_id <> value.model_id
                    and input.model_id in (
                    select scores.model_id from marts.leaderboard_scores_daily as scores
                    where scores.leaderboard = value.leaderboard
                    and scores.board_version = value.board_version
                    and scores.category = 'overall' and scores.score_date <= value.score_date
                    and (scores.score_date = value.score_date or scores.score_unit <> 'elo')
                    and scores.metric in ('rating', 'pass_rate_2', 'mean_score', 'accuracy')
                    and scores.score >= value.reference_score and not scores.is_withdrawn)""",
                NOT_PRIMARY,
                at_top=True,
            ),
        ),
        seeds=("capability_levels",),
    ),
    "marts.capability_price_rates": Rule(
        "Price of a capability",
        (
            Inputs(
                "months with a price",
                "marts.capability_prices_monthly",
                "input.board_id = value.board_id and input.level_id = value.level_id",
                f"""coalesce({SUPPRESSED}, case
                    when input.usd_per_mtok is null then 'no price'
                    when value.rate_method = 'record_regression' and not input.is_record
                        then 'not the lowest so far'
                end)""",
                """select case any_value(value.rate_method) when 'record_regression'
                    then regr_slope(ln(counted.usd_per_mtok), datediff('day', date '2000-01-01',
                    counted.price_date) / 365.25) when 'end_to_end'
                    then (ln(arg_max(counted.usd_per_mtok, counted.price_date))
                    - ln(arg_min(counted.usd_per_mtok, counted.price_date)))
                    / (datediff('day', min(counted.price_date), max(counted.price_date)) / 365.25) end
                    as log_change_per_year from counted cross join value""",
            ),
        ),
    ),
    "marts.price_performance_frontier": Rule(
        "Price of a capability",
        (
            Inputs(
                "the model's score",
                SCORES,
                f"""{HEADLINE_SCORES} and input.model_id = value.model_id
                    and (input.score_date = value.score_date
                    or (input.score_unit <> 'elo' and input.score_date < value.score_date))""",
                """case when input.is_withdrawn then 'withdrawn from the board'
                    when input.score < value.score then 'a higher one stands for the model' end""",
                "select max(score) as score from counted",
            ),
            Inputs(
                "the model's prices in the month",
                TOKENS,
                f"input.model_id = value.model_id and {IN_MONTH.format(month='value.price_month')}",
                NOT_PRIMARY,
                """select max(counted.blended_usd_per_mtok) filter (where counted.host_id = value.host_id)
                    as usd_per_mtok from counted cross join value""",
            ),
        ),
    ),
    "marts.capability_gap_daily": Rule(
        "Open against closed",
        (
            Inputs(
                "scores of the date",
                SCORES,
                f"""{HEADLINE_SCORES} and (input.score_date = value.score_date
                    or (input.score_unit <> 'elo' and input.score_date < value.score_date))""",
                ANOTHER_MIRROR,
                """select max(counted.score) filter (where counted.model_raw = value.closed_model_raw)
                    as closed_score,
                    max(counted.score) filter (where counted.model_raw = value.open_model_raw) as open_score,
                    any_value((value.closed_score - value.open_score)
                    * if(value.score_unit = 'fraction', 100, 1)) as gap_points
                    from counted cross join value""",
            ),
        ),
    ),
    "marts.catch_up_lags": Rule(
        "Open against closed",
        (
            Inputs(
                "scores of the two models: when first and last rated, and when it was caught up with",
                SCORES,
                f"""{HEADLINE_SCORES} and input.score_date in (value.first_rated_date, value.last_rated_date,
                    value.caught_up_date)
                    and lower(input.model_raw) in (value.reference_model, lower(value.open_model_raw))""",
                "case when input.is_withdrawn then 'withdrawn from the board' end",
            ),
            Inputs(
                "prices of the two models in the month after it was caught up with",
                TOKENS,
                f"""input.model_id in (value.open_model_id, value.reference_model_id)
                    and {IN_MONTH.format(month="value.price_month")}""",
                NOT_PRIMARY,
                at_top=True,
            ),
        ),
        """select case when not value.is_censored and not value.is_left_censored
            then value.caught_up_date - value.release_date end as lag_days from value""",
        ("models",),
    ),
    "marts.catch_up_medians": Rule(
        "Open against closed",
        (
            Inputs(
                "references and how long each led",
                "marts.catch_up_lags",
                "input.board_id = value.board_id and input.criterion = value.criterion",
                "case when input.is_left_censored then 'caught up with before the board was read' end",
                """select count(*) filter (where not is_censored) as caught_up_count,
                    count(*) filter (where is_censored) as censored_count from counted""",
            ),
        ),
    ),
    "marts.inference_margins_daily": Rule(
        "Inference margins",
        (
            Inputs(
                "what the host asks for tokens",
                TOKENS,
                """input.price_date = value.margin_date and input.host_id = value.host_id
                    and input.model_id = value.model_id""",
                NOT_PRIMARY,
                """select max(input_usd_per_mtok) as input_usd_per_mtok,
                    max(output_usd_per_mtok) as output_usd_per_mtok from counted""",
            ),
            rent("date_trunc('month', value.margin_date)::date", "cost_series_id", "cost_usd_per_gpu_hour"),
            Inputs(
                "measurements of throughput",
                "core.fct_throughput",
                """value.throughput_tier = 'measured' and input.model_id = value.model_id
                    and input.gpu_id = value.gpu_id""",
                "case when input.evidence = 'estimate' then 'an estimate' end",
            ),
        ),
        """select value.output_tokens_per_second_per_gpu * 3600 / 1e6 * value.utilisation_ratio
            * (value.input_output_ratio * value.input_usd_per_mtok + value.output_usd_per_mtok)
            as revenue_usd_per_gpu_hour,
            1 - value.cost_usd_per_gpu_hour / revenue_usd_per_gpu_hour as gross_margin_ratio,
            value.cost_usd_per_gpu_hour / (revenue_usd_per_gpu_hour / value.utilisation_ratio)
            as break_even_utilisation_ratio from value""",
        ("throughput_references", "owner_costs", "model_shapes", "utilisation_scenarios"),
    ),
    "marts.inference_margin_index_monthly": Rule(
        "Inference margins",
        (
            Inputs(
                "margins of the month",
                "marts.inference_margins_daily",
                """input.gpu_id = value.gpu_id and input.cost_basis = value.cost_basis
                    and input.margin_date <= last_day(value.index_month)
                    and input.until_date >= value.index_month""",
                """case
                    when input.throughput_tier = 'none' then 'no throughput known'
                    when value.throughput_scope = 'measured' and input.throughput_tier <> 'measured'
                        then 'throughput scaled'
                    when input.until_date < max(input.until_date) over (
                        partition by value.value_id, input.model_id, input.host_id, input.utilisation_ratio
                    ) then 'a later stretch of the month stands for the host'
                    when 3 > count(distinct case
                        when input.throughput_tier <> 'none'
                            and (value.throughput_scope = 'all' or input.throughput_tier = 'measured')
                            then input.host_id
                    end) over (partition by value.value_id, input.model_id)
                        then 'fewer than three hosts sell the model'
                end""",
                """select avg(margin) as gross_margin_ratio, median(margin) as median_gross_margin_ratio,
                    count(*) as model_count from (select median(gross_margin_ratio) as margin from counted
                    where utilisation_ratio = 0.5 group by model_id)""",
            ),
        ),
    ),
    "marts.inference_margin_cases": Rule(
        "Inference margins",
        formula="""select value.revenue_usd_per_node_hour - value.cost_usd_per_node_hour
            as profit_usd_per_node_hour,
            1 - value.cost_usd_per_node_hour / value.revenue_usd_per_node_hour as gross_margin_ratio,
            value.revenue_usd_per_node_hour / value.cost_usd_per_node_hour - 1 as markup_ratio from value""",
        seeds=("margin_cases", "utilisation_scenarios"),
    ),
    "marts.training_costs_monthly": Rule(
        "Training costs",
        (rent("value.cost_month", "cost_series_id", "usd_per_gpu_hour"),),
        "select value.gpu_hours * value.usd_per_gpu_hour as cost_usd from value",
        ("training_runs", "owner_costs"),
    ),
    "marts.rent_vs_buy_monthly": Rule(
        "Rent against buy",
        (
            rent("value.rent_month", "series_id", "rent_usd_per_gpu_hour"),
            Inputs(
                "purchase prices of the year",
                "core.fct_hardware_prices",
                """input.gpu_id = value.gpu_id and input.price_date <= last_day(value.rent_month)
                    and input.price_date >= last_day(value.rent_month) - 365""",
                """case when input.evidence = 'estimate' then 'an estimate'
                    when input.gpu_count <> 8 then 'not a server of eight' end""",
                """select median(cast(usd_per_gpu as double)) as server_usd_per_gpu,
                    count(*) as purchase_count from counted""",
            ),
        ),
        """select value.capital_usd_per_gpu * (1 - value.residual_ratio) / (730 *
            (value.rent_usd_per_gpu_hour * value.utilisation_ratio - value.running_usd_per_gpu_hour))
            as simple_payback_months from value""",
        ("ownership_assumptions", "owner_costs", "rent_vs_buy_scenarios"),
    ),
    "marts.claims": Rule(
        "Claims",
        (
            Inputs(
                "rental levels",
                TRENDS,
                """input.purchase_type = 'on_demand' and input.gpu_id like 'h100%' and (
                    (value.claim_id = 'G50' and input.segment = 'neocloud'
                    and input.price_date between date '2023-09-01' and date '2024-05-31')
                    or (value.claim_id = 'G53' and input.segment <> 'hyperscaler'
                    and input.price_date between value.first_date - 30 and value.last_date + 30))""",
                f"""coalesce({SUPPRESSED}, case when not contains(value.answer, input.series_id)
                    then 'another series answers' end)""",
            ),
            Inputs(
                "scores of the time",
                SCORES,
                """value.claim_id in ('G51', 'G52', 'G53') and input.leaderboard = 'lmarena_text'
                    and input.category = 'overall'
                    and input.score_date between value.first_date and value.last_date""",
            ),
            Inputs(
                "token prices of the time",
                TOKENS,
                """value.claim_id in ('G51', 'G52') and input.blended_usd_per_mtok is not null
                    and input.price_date between date '2024-04-07' and date '2024-06-06'""",
                f"""coalesce({NOT_PRIMARY}, case
                    when abs(input.price_date - value.stated_date)
                        > min(abs(input.price_date - value.stated_date)) over (
                            partition by value.value_id, input.model_id, input.host_id
                        )
                        then 'a day nearer the claim is known'
                end)""",
            ),
            Inputs(
                "margins of May 2024",
                "marts.inference_margins_daily",
                """value.claim_id = 'G54' and input.model_id in ('llama-3-70b', 'mixtral-8x7b')
                    and input.gpu_id = 'h100-sxm-80gb' and input.cost_basis = 'rent'
                    and input.utilisation_ratio = 0.3 and input.margin_date <= date '2024-05-31'
                    and input.until_date >= date '2024-05-01'""",
                "case when input.gross_margin_ratio is null then input.status_reason end",
                "select count(distinct (model_id, host_id)) as input_count from counted",
            ),
            Inputs(
                "months of the margin index",
                "marts.inference_margin_index_monthly",
                """value.claim_id = 'G55' and input.gpu_id = 'h100-sxm-80gb' and input.cost_basis = 'rent'
                    and input.throughput_scope = 'all'""",
                f"""coalesce({SUPPRESSED}, case
                    when input.index_month not in (value.first_date, value.last_date)
                        then 'between the first month and the last'
                end)""",
                """select arg_max(median_gross_margin_ratio, index_month)
                    - arg_min(median_gross_margin_ratio, index_month) as measured_value from counted""",
            ),
            Inputs(
                "training costs",
                "marts.training_costs_monthly",
                """value.claim_id = 'G56' and input.run_id = 'llama-2-70b'
                    and ((input.hardware = 'own' and input.gpu_id = input.trained_on_gpu_id
                    and input.cost_basis = 'list_on_demand') or input.cost_basis = 'neocloud_on_demand')""",
                SUPPRESSED,
            ),
        ),
        seeds=("published_claims",),
    ),
}
"""One per mart; a mart without one fails a test."""

SHOWN: Final[Mapping[str, str]] = {
    OFFERS: "price_date provider_id source_id gpu_raw region_raw usd_per_gpu_hour observed_at payload_ref",
    SPELLS: "source_id host_raw model_raw component usd_amount first_seen_at last_seen_at payload_ref",
    SCORES: "score_date leaderboard model_raw score vote_count source_id last_observed_at payload_ref",
    "core.fct_hardware_prices": "price_date seller_raw gpu_raw gpu_count usd_per_gpu payload_ref",
    "core.fct_fx_rates": "currency rate_date usd_per_unit source_id recorded_at payload_ref",
    "core.fct_throughput": "model_raw gpu_raw input_tokens output_tokens "
    "output_tokens_per_second_per_gpu observed_at payload_ref",
    "core.price_steps": "step_date seller_raw product_raw previous_usd next_usd rule_id payload_ref",
    PRICES: "price_date provider_id gpu_id source_id median_usd_per_gpu_hour offer_count last_observed_at",
    TRENDS: "price_date series_id level_usd_per_gpu_hour provider_count last_observed_at",
    INDEX_INPUTS: "index_month provider_id source_id part usd_per_gpu_hour link_month change_ratio "
    "last_observed_at",
    INDEX: "index_month series_id level_usd_per_gpu_hour index_value provider_count",
    TOKENS: "price_date host_id model_id source_id input_usd_per_mtok output_usd_per_mtok "
    "blended_usd_per_mtok last_observed_at",
    "marts.gpu_rental_legs": "leg_number peak_date peak_usd_per_gpu_hour trough_date "
    "trough_usd_per_gpu_hour drawdown_ratio",
    "marts.token_price_index_monthly": "price_month index_kind series index_value model_count",
    "marts.capability_prices_monthly": "price_month board_id level_id usd_per_mtok model_id host_id "
    "is_record",
    "marts.catch_up_lags": "reference_model release_date caught_up_date lag_days is_censored",
    "marts.inference_margins_daily": "margin_date until_date model_id host_id utilisation_ratio "
    "cost_usd_per_gpu_hour gross_margin_ratio",
    "marts.inference_margin_index_monthly": "index_month gpu_id throughput_scope gross_margin_ratio "
    "median_gross_margin_ratio model_count",
    "marts.training_costs_monthly": "cost_month run_id hardware gpu_id cost_basis usd_per_gpu_hour cost_usd",
}
"""Columns of each table of inputs that a reader needs; a document for machines has them all."""
