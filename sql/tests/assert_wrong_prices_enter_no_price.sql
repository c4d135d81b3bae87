-- A price that a later step proved wrong stands in no daily table, and what replaced it does.
with

errors as (

    select
        *,
        cast(wrong_from_at as date) as from_date,
        -- The day on which it was replaced belongs to the right price, and so does one with both.
        least(cast(wrong_until_at as date), {{ as_of_date() }}) as until_date
    from {{ ref('int_prices__in_error') }}

),

token_prices as (

    select * from {{ ref('token_prices_daily') }}
    where service_tier = 'standard' and min_context_tokens = 0 and quantization = '' and utc_window = ''

)

select
    errors.source_id,
    errors.series_key,
    token_prices.price_date,
    errors.wrong_usd
from errors
inner join token_prices
    on
        errors.source_id = token_prices.source_id
        and errors.from_date <= token_prices.price_date
        and errors.until_date > token_prices.price_date
        and (
            (
                errors.series_key = concat_ws(' | ', token_prices.host_raw, token_prices.model_raw, 'input')
                and errors.wrong_usd = token_prices.input_usd_per_mtok
            )
            or (
                errors.series_key = concat_ws(' | ', token_prices.host_raw, token_prices.model_raw, 'output')
                and errors.wrong_usd = token_prices.output_usd_per_mtok
            )
        )
where errors.market = 'token'
