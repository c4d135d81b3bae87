{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'price_month', period='month') }}",
    )
}}

{%- set first_month = rebuild_from('gpu_offers', 'price_month', period='month') %}

with

offers as (

    select * from {{ ref('int_gpu_offer_prices__monthly') }}
    where is_change_input

),

-- The same offer of the same source: neither entry nor another source's view may look like a price change.
final as (

    select
        offers.price_month,
        earlier.price_month as earlier_month,
        offers.series_id,
        offers.provider_id,
        avg(offers.ln_usd_per_gpu_hour - earlier.ln_usd_per_gpu_hour) as log_change,
        count(*) as offer_count
    from offers
    inner join offers as earlier
        on
            offers.offer_key = earlier.offer_key
            and offers.source_id = earlier.source_id
            and offers.series_id = earlier.series_id
            and offers.provider_id = earlier.provider_id
            and offers.price_month > earlier.price_month
            and offers.price_month <= earlier.price_month + interval {{ var('index_link_months') }} months
    where offers.price_month >= date '{{ first_month }}'
    group by 1, 2, 3, 4

)

select * from final
