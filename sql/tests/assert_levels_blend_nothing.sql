-- Each level stands on sellers of its own cell alone, each counted once, and on nothing flagged.
with

levels as (

    select * from {{ ref('gpu_rental_levels_daily') }}

),

prices as (

    select
        price_date,
        segment,
        purchase_type,
        commitment_months,
        gpu_id,
        count(*) as provider_count,
        count(distinct provider_id) as distinct_provider_count,
        min(median_usd_per_gpu_hour) as lowest,
        max(median_usd_per_gpu_hour) as highest
    from {{ ref('gpu_prices_daily') }}
    where is_index_input
    group by 1, 2, 3, 4, 5

)

select
    levels.price_date,
    levels.series_id
from levels
left join prices
    on
        levels.price_date = prices.price_date
        and levels.segment = prices.segment
        and levels.purchase_type = prices.purchase_type
        and levels.commitment_months = prices.commitment_months
        and levels.gpu_id = prices.gpu_id
where
    prices.provider_count is distinct from levels.provider_count
    or prices.provider_count != prices.distinct_provider_count
    or levels.level_usd_per_gpu_hour not between prices.lowest and prices.highest
