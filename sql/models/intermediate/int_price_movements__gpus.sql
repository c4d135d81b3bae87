{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'read_date') }}",
    )
}}

{%- set first_day = rebuild_from('gpu_offers', 'read_date') %}

with

prices as (

    select * from {{ ref('fct_gpu_offer_prices_daily') }}
    where
        price_date = cast(last_observed_at as date)
        and price_date
        >= greatest(date '{{ first_day }}', {{ first_movement_day() }}) - {{ var('carry_days_listed') }}

),

lines as (

    select
        prices.source_id,
        prices.offer_key as line_key,
        prices.price_date as read_date,
        prices.usd_per_gpu_hour as usd
    from prices
    where prices.usd_per_gpu_hour > 0

),

{{ price_movements('gpu_offers', first_day) }}
