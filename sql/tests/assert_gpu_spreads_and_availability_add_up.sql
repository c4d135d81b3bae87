with

spreads as (

    select * from {{ ref('gpu_price_spread_daily') }}

),

trends as (

    select * from {{ ref('gpu_price_trends_daily') }}

),

availability as (

    select * from {{ ref('gpu_availability_daily') }}

),

broken as (

    select
        trends.price_date,
        trends.series_id,
        'the spread is not over the sellers of the trend' as broken_rule
    from trends
    full outer join spreads
        on
            trends.price_date = spreads.price_date
            and trends.series_id = spreads.series_id
    where trends.provider_count is distinct from spreads.provider_count
    union all
    select
        price_date,
        series_id,
        'no spread' as broken_rule
    from spreads
    where
        dearest_to_cheapest_ratio < interquartile_ratio
        or interquartile_ratio < 1
        or geometric_deviation_ratio < 1
        or (cheapest_provider_id = dearest_provider_id) != (dearest_to_cheapest_ratio = 1)
        or (status = 'suppressed') != (dearest_to_cheapest_ratio is null)
        or (status = 'suppressed') != (status_reason is not null)
    union all
    select
        price_date,
        series_id,
        'offers do not add up' as broken_rule
    from availability
    where
        available_offer_count + unavailable_offer_count + unknown_offer_count != offer_count
        or (status = 'suppressed') != (unknown_offer_count = offer_count)
        or (status = 'suppressed') != (available_ratio is null)
        or (status = 'suppressed') != (status_reason is not null)
        or stock_count > 0 and available_offer_count = 0

)

select * from broken
