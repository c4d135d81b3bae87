{#- A seller counts in a month once it has sold the model for this many days of it. -#}
{%- set fewest_days = 7 %}

with

prices as (

    select * from {{ ref('token_prices_blended_daily') }}
    where service_tier = 'standard'

),

sources as (

    select * from {{ ref('sources') }}

),

lines as (

    select * from {{ ref('token_prices_daily') }}

),

labs as (

    select * from {{ ref('labs') }}

),

-- What a seller asked on every day of the month or less: a promotion shorter than a month never counts.
sellers as (

    select
        cast(date_trunc('month', prices.price_date) as date) as price_month,
        prices.model_id,
        prices.lab_id,
        prices.host_id,
        max(prices.blended_usd_per_mtok) as standing_usd_per_mtok,
        arg_max(prices.blended_usd_per_mtok, prices.price_date) as current_usd_per_mtok,
        max(prices.price_date) as last_price_date,
        max(prices.price_date - prices.age_days) as last_seen_date,
        count(*) as day_count
    from prices
    inner join sources
        on prices.source_id = sources.source_id
    where not sources.is_cross_check
    group by 1, 2, 3, 4

),

-- The day a month is asked about: its last with prices.
month_ends as (

    select
        sellers.price_month,
        max(sellers.last_price_date) as price_date
    from sellers
    group by 1

),

offers as (

    select
        sellers.price_month,
        month_ends.price_date,
        sellers.model_id,
        sellers.lab_id,
        sellers.host_id,
        coalesce(sellers.host_id = labs.own_host_id, false) as is_own_host,
        cast(sellers.standing_usd_per_mtok as double) as standing_usd_per_mtok,
        cast(sellers.current_usd_per_mtok as double) as current_usd_per_mtok,
        sellers.last_seen_date >= sellers.price_month as is_seen
    from sellers
    inner join month_ends
        on
            sellers.price_month = month_ends.price_month
            and sellers.last_price_date = month_ends.price_date
    left join labs
        on sellers.lab_id = labs.lab_id
    where sellers.day_count >= {{ fewest_days }}

),

-- A price that only one reseller asks is as often a slip of a catalogue as an offer.
ranked as (

    select
        offers.*,
        offers.is_own_host
        or row_number() over (
            partition by offers.price_month, offers.model_id
            order by offers.standing_usd_per_mtok, offers.host_id
        ) > 1 as is_backed
    from offers

),

free as (

    select distinct
        month_ends.price_month,
        lines.model_id
    from lines
    inner join month_ends
        on lines.price_date = month_ends.price_date
    where lines.is_free and lines.model_id is not null

),

final as (

    select
        ranked.price_month,
        ranked.price_date,
        ranked.model_id,
        ranked.lab_id,
        min(case when ranked.is_backed then ranked.standing_usd_per_mtok end) as usd_per_mtok,
        arg_min(ranked.host_id, ranked.standing_usd_per_mtok) filter (where ranked.is_backed) as host_id,
        min(ranked.current_usd_per_mtok) as any_offer_usd_per_mtok,
        -- What the lab asks, or what half of the other sellers ask at most.
        coalesce(
            min(case when ranked.is_own_host then ranked.current_usd_per_mtok end),
            {{ median('ranked.current_usd_per_mtok') }}
        ) as list_usd_per_mtok,
        count(*) as host_count,
        bool_or(ranked.is_seen) as is_seen,
        bool_or(free.model_id is not null) as is_offered_free
    from ranked
    left join free
        on
            ranked.price_month = free.price_month
            and ranked.model_id = free.model_id
    group by 1, 2, 3, 4

)

select * from final
