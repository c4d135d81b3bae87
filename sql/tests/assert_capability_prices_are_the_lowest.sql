-- The price that counts is no lower than the lowest offer, a record is lower than all before, and along
-- the frontier price and score rise together.
with

prices as (

    select
        capability_prices.*,
        min(capability_prices.usd_per_mtok) over (
            partition by capability_prices.board_id, capability_prices.level_id
            order by capability_prices.price_month
            rows between unbounded preceding and 1 preceding
        ) as lowest_before
    from {{ ref('capability_prices_monthly') }} as capability_prices

),

frontier as (

    select
        frontier.*,
        lag(frontier.usd_per_mtok) over cheaper as cheaper_usd_per_mtok,
        lag(frontier.score) over cheaper as cheaper_score
    from {{ ref('price_performance_frontier') }} as frontier
    window cheaper as (
        partition by frontier.price_month, frontier.board_id
        order by frontier.frontier_position
    )

)

select
    prices.price_month,
    prices.board_id,
    prices.level_id as what
from prices
where
    prices.usd_per_mtok < prices.any_offer_usd_per_mtok
    or prices.is_record is distinct from (
        prices.usd_per_mtok is not null and coalesce(prices.usd_per_mtok < prices.lowest_before, true)
    )
union all
select
    frontier.price_month,
    frontier.board_id,
    frontier.model_id as what
from frontier
where frontier.usd_per_mtok <= frontier.cheaper_usd_per_mtok or frontier.score <= frontier.cheaper_score
