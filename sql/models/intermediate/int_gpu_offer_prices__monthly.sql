{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'price_month', period='month') }}",
    )
}}

{%- set hand_kept = var('hand_kept_sources') | join("', '") %}

with

offers as (

    select * from {{ ref('int_gpu_offer_prices__entering') }}
    where price_date >= date '{{ rebuild_from('gpu_offers', 'price_month', period='month') }}'

),

final as (

    select
        cast(date_trunc('month', offers.price_date) as date) as price_month,
        offers.series_id,
        offers.provider_id,
        offers.source_id,
        offers.offer_key,
        avg(ln(offers.usd_per_gpu_hour)) as ln_usd_per_gpu_hour,
        -- In a table kept by hand an unchanged price may be one that nobody looked at again.
        offers.source_id not in ('{{ hand_kept }}') as is_change_input
    from offers
    group by 1, 2, 3, 4, 5

)

select * from final
