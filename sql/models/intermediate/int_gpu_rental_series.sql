with

trends as (

    select * from {{ ref('gpu_price_trends_daily') }}

),

rated as (

    select
        trends.*,
        count(*) filter (where trends.smoothed_day_count >= 14) over (partition by trends.series_id)
            as smoothed_days,
        count(trends.smoothed_usd_per_gpu_hour) over (partition by trends.series_id) as supported_days
    from trends

),

-- S, the series of the statistics, begins where half of the 28 days have a level; its first days would be
-- those of whoever happened to be read first. A series without such a day keeps its row, with nothing to say.
days as (

    select
        rated.*,
        rated.price_date - lag(rated.price_date) over (
            partition by rated.series_id
            order by rated.price_date
        ) - 1 as days_missing_before
    from rated
    where rated.smoothed_day_count >= 14 or rated.smoothed_days = 0

),

months as (

    select
        days.series_id,
        date_trunc('month', days.price_date) as month_date,
        -- Enough sellers to speak of a market; a marketplace holds many behind one name.
        {{ median('days.provider_count') }} >= 4
        or (
            days.segment = 'marketplace'
            and {{ median('days.provider_count') }} >= 2
            and {{ median('days.offer_count') }} >= 10
        ) as is_well_filled
    from days
    group by days.series_id, days.segment, month_date

),

thickness as (

    select
        months.series_id,
        count(*) < 12 or avg(cast(months.is_well_filled as double)) < 0.8 as is_thin
    from months
    group by 1

),

final as (

    select
        days.series_id,
        any_value(days.segment) as segment,
        any_value(days.purchase_type) as purchase_type,
        any_value(days.commitment_months) as commitment_months,
        any_value(days.gpu_id) as gpu_id,
        min(days.price_date) as first_date,
        max(days.price_date) as last_date,
        count(*) as observed_days,
        max(days.price_date) - min(days.price_date) + 1 as span_days,
        coalesce(max(days.days_missing_before), 0) as gap_days,
        arg_max(days.provider_count, days.price_date) as provider_count,
        max(days.provider_count) as providers_max,
        avg(days.imputed_ratio) as imputed_ratio,
        any_value(thickness.is_thin) as is_thin,
        case
            when any_value(days.smoothed_days) = 0
                then 'never two sellers, or five offers on a marketplace, on 14 days of 28'
            when any_value(days.supported_days) < 30
                then 'fewer than 30 days with two sellers, or five offers on a marketplace'
        end as suppression_reason
    from days
    inner join thickness
        on days.series_id = thickness.series_id
    group by 1

)

select * from final
