with

prices as (

    select * from {{ ref('gpu_prices_daily') }}
    where is_index_input and segment is not null

),

-- Every seller weighs the same, however many offers it makes.
levels as (

    select
        prices.price_date,
        prices.segment,
        prices.purchase_type,
        prices.commitment_months,
        prices.gpu_id,
        {{ median('cast(prices.median_usd_per_gpu_hour as double)') }} as level_usd_per_gpu_hour,
        {{ quantile('cast(prices.median_usd_per_gpu_hour as double)', 0.25) }} as p25_usd_per_gpu_hour,
        {{ quantile('cast(prices.median_usd_per_gpu_hour as double)', 0.75) }} as p75_usd_per_gpu_hour,
        count(*) as provider_count,
        sum(prices.offer_count) as offer_count,
        sum(greatest(prices.offer_count, prices.available_count)) as stock_count,
        max(prices.last_observed_at) as last_observed_at,
        max(prices.status) as status
    from prices
    group by 1, 2, 3, 4, 5

),

-- One seller is not a market; a marketplace holds many behind one name. Where nobody has been looked at for
-- half of the 28 days, sellers drop out one by one and would move the median.
supported as (

    select
        levels.*,
        (levels.provider_count >= 2 or (levels.segment = 'marketplace' and levels.stock_count >= 5))
        and levels.price_date - cast(levels.last_observed_at as date) <= 14 as is_supported
    from levels

),

smoothed as (

    select
        supported.*,
        {{ median('supported.level_usd_per_gpu_hour') }} over (
            partition by
                supported.segment, supported.purchase_type, supported.commitment_months, supported.gpu_id,
                supported.is_supported
            order by supported.price_date
            range between interval 27 days preceding and current row
        ) as smoothed_usd_per_gpu_hour
    from supported

),

final as (

    select
        smoothed.price_date,
        smoothed.segment || '/' || smoothed.purchase_type || '/' || smoothed.commitment_months || '/'
        || smoothed.gpu_id as series_id,
        smoothed.segment,
        smoothed.purchase_type,
        smoothed.commitment_months,
        smoothed.gpu_id,
        cast(smoothed.level_usd_per_gpu_hour as decimal(18, 6)) as level_usd_per_gpu_hour,
        cast(smoothed.p25_usd_per_gpu_hour as decimal(18, 6)) as p25_usd_per_gpu_hour,
        cast(smoothed.p75_usd_per_gpu_hour as decimal(18, 6)) as p75_usd_per_gpu_hour,
        cast(case when smoothed.is_supported then smoothed.smoothed_usd_per_gpu_hour end as decimal(18, 6))
            as smoothed_usd_per_gpu_hour,
        cast(smoothed.provider_count as integer) as provider_count,
        cast(smoothed.offer_count as integer) as offer_count,
        smoothed.is_supported,
        smoothed.last_observed_at,
        smoothed.status,
        '{{ var("methodology_version") }}' as methodology_version
    from smoothed

)

select * from final
