-- Figures are null where suppressed and only there; and, worked out again from the sellers, count, lowest
-- offer and level are the same.
with

trends as (

    select * from {{ ref('gpu_price_trends_daily') }}

),

prices as (

    select * from {{ ref('gpu_prices_daily') }}
    where is_index_input

),

ranked as (

    select
        price_date,
        segment,
        purchase_type,
        commitment_months,
        gpu_id,
        median_usd_per_gpu_hour,
        min_usd_per_gpu_hour,
        row_number() over cell as price_number,
        count(*) over (
            partition by price_date, segment, purchase_type, commitment_months, gpu_id
        ) as provider_count
    from prices
    window cell as (
        partition by price_date, segment, purchase_type, commitment_months, gpu_id
        order by median_usd_per_gpu_hour
    )

),

-- The median by hand: the middle price, or the mean of the two in the middle.
cells as (

    select
        price_date,
        segment,
        purchase_type,
        commitment_months,
        gpu_id,
        any_value(provider_count) as provider_count,
        min(min_usd_per_gpu_hour) as lowest,
        avg(median_usd_per_gpu_hour) filter (
            where price_number in ((provider_count + 1) // 2, (provider_count + 2) // 2)
        ) as middle
    from ranked
    group by 1, 2, 3, 4, 5

),

broken as (

    select
        trends.price_date,
        trends.series_id,
        'not the sellers of its cell' as broken_rule
    from trends
    left join cells
        on
            trends.price_date = cells.price_date
            and trends.segment = cells.segment
            and trends.purchase_type = cells.purchase_type
            and trends.commitment_months = cells.commitment_months
            and trends.gpu_id = cells.gpu_id
    where
        trends.provider_count is distinct from cells.provider_count
        or abs(trends.level_usd_per_gpu_hour - cells.middle) > 0.000001
        or abs(trends.min_usd_per_gpu_hour - cells.lowest) > 0.000001
    union all
    select
        price_date,
        series_id,
        'out of order' as broken_rule
    from trends
    where
        not (
            min_usd_per_gpu_hour <= p25_usd_per_gpu_hour
            and p25_usd_per_gpu_hour <= level_usd_per_gpu_hour
            and level_usd_per_gpu_hour <= p75_usd_per_gpu_hour
        )
    union all
    select
        price_date,
        series_id,
        'suppressed, null and reason do not agree' as broken_rule
    from trends
    where
        (status = 'suppressed') != (level_usd_per_gpu_hour is null)
        or (status = 'suppressed') != (smoothed_usd_per_gpu_hour is null)
        or (status in ('suppressed', 'imputed')) != (status_reason is not null)

)

select * from broken
