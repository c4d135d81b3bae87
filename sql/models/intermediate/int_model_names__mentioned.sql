with

token_prices as (

    select * from {{ ref('stg_token_prices') }}

),

scores as (

    select * from {{ ref('stg_leaderboard_scores') }}

),

facts as (

    select * from {{ ref('stg_model_facts') }}

),

throughput as (

    select * from {{ ref('stg_throughput') }}

),

final as (

    select
        'token_prices' as contract,
        token_prices.source_id,
        token_prices.host_raw,
        token_prices.model_raw,
        count(*) as row_count,
        min(token_prices.observed_at) as first_observed_at,
        max(token_prices.observed_until) as last_observed_at
    from token_prices
    group by 1, 2, 3, 4
    union all
    select
        'leaderboard_scores' as contract,
        scores.source_id,
        cast('' as varchar) as host_raw,
        scores.model_raw,
        count(*) as row_count,
        min(scores.observed_at) as first_observed_at,
        max(scores.observed_until) as last_observed_at
    from scores
    group by 1, 2, 3, 4
    union all
    select
        'model_facts' as contract,
        facts.source_id,
        facts.host_raw,
        facts.model_raw,
        count(*) as row_count,
        min(facts.observed_at) as first_observed_at,
        max(facts.observed_until) as last_observed_at
    from facts
    group by 1, 2, 3, 4
    union all
    select
        'throughput' as contract,
        throughput.source_id,
        cast('' as varchar) as host_raw,
        throughput.model_raw,
        count(*) as row_count,
        min(throughput.observed_at) as first_observed_at,
        max(throughput.observed_until) as last_observed_at
    from throughput
    group by 1, 2, 3, 4

)

select * from final
