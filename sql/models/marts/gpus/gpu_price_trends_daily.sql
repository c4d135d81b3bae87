{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'price_date', 'status') }}",
    )
}}

{%- set first_day = rebuild_from('gpu_offers', 'price_date', 'status') %}
{%- set spans_days = [7, 30, 90, 365] %}

with

prices as (

    select * from {{ ref('gpu_prices_daily') }}
    where
        is_index_input
        and segment is not null
        and price_date >= date '{{ first_day }}' - {{ 27 if is_incremental() else 0 }}

),

offers as (

    select * from {{ ref('int_gpu_offer_prices__entering') }}
    where price_date >= date '{{ first_day }}' - {{ spans_days | max if is_incremental() else 0 }}

),

-- Every seller weighs the same, however many offers it makes.
levels as (

    select
        prices.price_date,
        prices.segment,
        prices.purchase_type,
        prices.commitment_months,
        prices.gpu_id,
        {{ gpu_series_id('prices') }} as series_id,
        min(cast(prices.min_usd_per_gpu_hour as double)) as min_usd_per_gpu_hour,
        {{ quantile('cast(prices.median_usd_per_gpu_hour as double)', 0.25) }} as p25_usd_per_gpu_hour,
        {{ median('cast(prices.median_usd_per_gpu_hour as double)') }} as level_usd_per_gpu_hour,
        {{ quantile('cast(prices.median_usd_per_gpu_hour as double)', 0.75) }} as p75_usd_per_gpu_hour,
        count(*) as provider_count,
        sum(prices.offer_count) as offer_count,
        sum(greatest(prices.offer_count, prices.available_count)) as stock_count,
        avg(cast(prices.age_days > {{ var('carry_days_unread') }} as integer)) as imputed_ratio,
        max(prices.last_observed_at) as last_observed_at
    from prices
    group by 1, 2, 3, 4, 5

),

-- One seller is not a market; a marketplace holds many behind one name. Where most have not been looked at
-- for half of the 28 days, sellers drop out one by one and would move the median.
judged as (

    select
        levels.*,
        case
            when
                levels.provider_count < 2
                and not (levels.segment = 'marketplace' and levels.stock_count >= 5)
                then 'fewer than two sellers, or five offers on a marketplace'
            when levels.imputed_ratio > 0.5
                then 'most sellers not read for {{ var("carry_days_unread") }} days'
        end as suppression_reason
    from levels

),

smoothed as (

    select
        judged.*,
        judged.suppression_reason is null as is_shown,
        {{ median('judged.level_usd_per_gpu_hour') }} over four_weeks as smoothed_usd_per_gpu_hour,
        count(*) over four_weeks as smoothed_day_count
    from judged
    window four_weeks as (
        partition by judged.series_id, judged.suppression_reason is null
        order by judged.price_date
        range between interval 27 days preceding and current row
    )

),

spans as (

    select unnest({{ spans_days }}) as span_days

),

earlier as (

    select
        offers.*,
        spans.span_days,
        offers.price_date + spans.span_days as later_date
    from offers
    cross join spans

),

-- The same offer of the same source on both days: who comes, goes or is read from elsewhere moves nothing.
moves as (

    select
        offers.price_date,
        offers.series_id,
        offers.provider_id,
        earlier.span_days,
        any_value(offers.segment) as segment,
        avg(ln(offers.usd_per_gpu_hour / earlier.usd_per_gpu_hour)) as log_change,
        count(*) as offer_count
    from offers
    inner join earlier
        on
            offers.price_date = earlier.later_date
            and offers.offer_key = earlier.offer_key
            and offers.source_id = earlier.source_id
            and offers.series_id = earlier.series_id
            and offers.provider_id = earlier.provider_id
    where offers.price_date >= date '{{ first_day }}'
    group by 1, 2, 3, 4

),

changes as (

    select
        moves.price_date,
        moves.series_id,
        moves.span_days,
        exp(avg(moves.log_change)) - 1 as change_ratio,
        count(*) as provider_count
    from moves
    group by 1, 2, 3
    having count(*) >= 2 or (any_value(moves.segment) = 'marketplace' and sum(moves.offer_count) >= 5)

),

changes_by_day as (

    select
        changes.price_date,
        {% for days in spans_days %}
        max(changes.change_ratio) filter (where changes.span_days = {{ days }}) as change_{{ days }}d_ratio,
        max(changes.provider_count) filter (where changes.span_days = {{ days }}) as change_{{ days }}d_count,
        {% endfor %}
        changes.series_id
    from changes
    group by changes.price_date, changes.series_id

),

final as (

    select
        smoothed.price_date,
        smoothed.series_id,
        smoothed.segment,
        smoothed.purchase_type,
        smoothed.commitment_months,
        smoothed.gpu_id,
        {% for statistic in ['min', 'p25', 'level', 'p75', 'smoothed'] %}
        {%- set column = statistic ~ '_usd_per_gpu_hour' %}
        cast(case when smoothed.is_shown then smoothed.{{ column }} end as decimal(18, 6)) as {{ column }},
        {% endfor %}
        cast(case when smoothed.is_shown then smoothed.smoothed_day_count end as integer)
            as smoothed_day_count,
        {% for days in spans_days %}
        {%- set change = 'change_' ~ days ~ 'd_' %}
        cast(case when smoothed.is_shown then changes_by_day.{{ change }}ratio end as decimal(12, 6))
            as {{ change }}ratio,
        cast(case when smoothed.is_shown then changes_by_day.{{ change }}count end as integer)
            as {{ change }}provider_count,
        {% endfor %}
        cast(smoothed.provider_count as integer) as provider_count,
        cast(smoothed.offer_count as integer) as offer_count,
        smoothed.last_observed_at,
        cast(smoothed.imputed_ratio as decimal(7, 6)) as imputed_ratio,
        {{ value_status('smoothed.price_date', 'smoothed.suppression_reason', 'smoothed.imputed_ratio') }}
            as status,
        coalesce(
            smoothed.suppression_reason,
            case
                when smoothed.imputed_ratio > 0.25
                    then 'many sellers not read for {{ var("carry_days_unread") }} days'
            end
        ) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from smoothed
    left join changes_by_day
        on
            smoothed.price_date = changes_by_day.price_date
            and smoothed.series_id = changes_by_day.series_id
    where smoothed.price_date >= date '{{ first_day }}'

)

select * from final
