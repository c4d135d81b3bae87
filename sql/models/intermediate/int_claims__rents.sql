{#- Months from 2023-09 to 2024-05, and the share of them that needs four sellers. -#}
{%- set months = 9 %}
{%- set filled_ratio = 0.8 %}

with

levels as (

    select * from {{ ref('gpu_price_trends_daily') }}
    where
        segment = 'neocloud'
        and purchase_type = 'on_demand'
        and price_date between date '2023-09-01' and date '2024-05-31'

),

gpus as (

    select * from {{ ref('gpus') }}
    where family = 'h100'

),

by_month as (

    select
        levels.series_id,
        cast(date_trunc('month', levels.price_date) as date) as rent_month,
        {{ median('cast(levels.level_usd_per_gpu_hour as double)') }} as usd_per_gpu_hour,
        max(levels.provider_count) as provider_count
    from levels
    inner join gpus
        on levels.gpu_id = gpus.gpu_id
    group by 1, 2

),

-- The series with the most sellers speaks.
series as (

    select
        by_month.*,
        by_month.usd_per_gpu_hour <= lag(by_month.usd_per_gpu_hour) over (order by by_month.rent_month)
            as is_down_or_flat
    from by_month
    qualify
        by_month.series_id
        = first_value(by_month.series_id) over (
            order by by_month.provider_count desc, by_month.series_id asc
        )

),

measured as (

    select
        any_value(series.series_id) as series_id,
        count(*) as month_count,
        count(*) filter (where series.provider_count >= 4) as filled_month_count,
        min(series.rent_month) as first_month,
        max(series.rent_month) as last_month,
        arg_min(series.usd_per_gpu_hour, series.rent_month) as first_usd,
        arg_max(series.usd_per_gpu_hour, series.rent_month) as last_usd,
        arg_min(series.provider_count, series.rent_month) as first_provider_count,
        arg_max(series.provider_count, series.rent_month) as last_provider_count,
        avg(cast(series.is_down_or_flat as double)) as down_ratio
    from series
    having count(*) > 0

),

final as (

    select
        'G50' as claim_id,
        measured.down_ratio as measured_value,
        'share of months unchanged or down' as measured_unit,
        measured.month_count as input_count,
        measured.first_month as first_date,
        measured.last_month as last_date,
        false as is_open,
        measured.down_ratio >= 0.75 and measured.last_usd < measured.first_usd as is_held,
        case
            when measured.filled_month_count < {{ filled_ratio * months }}
                then
                    measured.filled_month_count || ' of {{ months }} months have four sellers; '
                    || 'a level of fewer moves with those who come and go'
        end as untestable_reason,
        printf(
            'The median list price of %s went from %.2f USD (%d sellers) to %.2f USD (%d sellers).',
            measured.series_id,
            measured.first_usd,
            measured.first_provider_count,
            measured.last_usd,
            measured.last_provider_count
        ) as answer
    from measured

)

select * from final
