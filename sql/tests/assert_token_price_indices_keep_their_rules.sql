-- A series is 100 in its base month; a change rests on ten models of four labs and has an interval; the price
-- behind a fixed capability is the one published.
with

indices as (

    select * from {{ ref('token_price_index_monthly') }}

),

capability_prices as (

    select * from {{ ref('capability_prices_monthly') }}

)

select
    indices.price_month,
    indices.index_kind,
    indices.series
from indices
left join capability_prices
    on
        indices.index_kind = 'fixed_capability'
        and indices.price_month = capability_prices.price_month
        and indices.series = capability_prices.board_id || '/' || capability_prices.level_id
where
    (indices.price_month = indices.base_month and indices.index_value is distinct from 100)
    or (
        indices.index_kind in ('matched', 'hedonic')
        and indices.price_month > indices.base_month
        and indices.index_value is not null
        and (indices.model_count < 10 or indices.lab_count < 4 or indices.index_low is null)
    )
    or (
        indices.index_kind = 'fixed_capability'
        and indices.usd_per_mtok is distinct from capability_prices.usd_per_mtok
    )
