{{ config(materialized='view') }}

with

errors as (

    select * from {{ ref('int_prices__in_error') }}
    where market = 'gpu'

),

-- As gpu_prices_daily does: what a later step proved wrong was never asked.
offers as (

    select told.*
    from {{ ref('fct_gpu_offer_prices_daily') }} as told
    left join errors
        on
            told.source_id = errors.source_id
            and told.offer_key = errors.series_key
            and told.price_date >= cast(errors.wrong_from_at as date)
            and told.price_date < cast(errors.wrong_until_at as date)
    where told.exclusion_reason is null and errors.series_key is null

),

prices as (

    select * from {{ ref('gpu_prices_daily') }}
    where segment is not null

),

final as (

    select
        offers.price_date,
        {{ gpu_series_id('prices') }} as series_id,
        prices.gpu_id,
        offers.provider_id,
        offers.source_id,
        offers.offer_key,
        offers.usd_per_gpu_hour,
        offers.last_observed_at,
        prices.segment
    from offers
    inner join prices
        on
            offers.price_date = prices.price_date
            and offers.gpu_id = prices.gpu_id
            and offers.provider_id = prices.provider_id
            and offers.purchase_type = prices.purchase_type
            and offers.commitment_months = prices.commitment_months
            and offers.source_id = prices.source_id
            and offers.price_statistic = prices.price_statistic
    where prices.is_index_input

)

select * from final
