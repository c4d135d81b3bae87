{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('token_prices', 'read_date') }}",
    )
}}

{%- set first_day = rebuild_from('token_prices', 'read_date') %}

with

prices as (

    select * from {{ ref('token_prices_daily') }}
    where
        price_date = cast(last_observed_at as date)
        and price_date
        >= greatest(date '{{ first_day }}', {{ first_movement_day() }}) - {{ var('carry_days_listed') }}

),

named as (

    select
        prices.source_id,
        prices.price_date,
        prices.input_usd_per_mtok,
        prices.output_usd_per_mtok,
        concat_ws(
            '|',
            prices.host_raw,
            prices.model_raw,
            prices.service_tier,
            prices.min_context_tokens,
            prices.quantization,
            prices.utc_window
        ) as line_key
    from prices

),

lines as (

    select
        named.source_id,
        named.line_key || '|input' as line_key,
        named.price_date as read_date,
        named.input_usd_per_mtok as usd
    from named
    where named.input_usd_per_mtok > 0
    union all
    select
        named.source_id,
        named.line_key || '|output' as line_key,
        named.price_date as read_date,
        named.output_usd_per_mtok as usd
    from named
    where named.output_usd_per_mtok > 0

),

{{ price_movements('token_prices', first_day) }}
