with

offers as (

    select * from {{ ref('stg_gpu_offers') }}

),

token_prices as (

    select * from {{ ref('stg_token_prices') }}

),

aliases as (

    select * from {{ ref('provider_aliases') }}

),

providers as (

    select * from {{ ref('providers') }}

),

names as (

    select
        'gpu' as market,
        offers.source_id,
        offers.provider_raw,
        count(*) as row_count,
        min(offers.observed_at) as first_observed_at,
        max(offers.observed_until) as last_observed_at
    from offers
    group by 1, 2, 3
    union all
    select
        'token' as market,
        token_prices.source_id,
        token_prices.host_raw as provider_raw,
        count(*) as row_count,
        min(token_prices.observed_at) as first_observed_at,
        max(token_prices.observed_until) as last_observed_at
    from token_prices
    group by 1, 2, 3

),

-- An alias of the one source beats a general one, one of the market one of both, a whole name a beginning.
ranked as (

    select
        names.*,
        aliases.provider_id,
        aliases.alias,
        aliases.valid_from,
        aliases.valid_to,
        dense_rank() over (
            partition by names.market, names.source_id, names.provider_raw
            order by
                aliases.source_id is null, aliases.market = 'any', right(aliases.alias, 1) = '%',
                length(aliases.alias) desc
        ) as place
    from names
    left join aliases
        on
            {{ name_letters('names.provider_raw') }} like aliases.alias
            and aliases.market in (names.market, 'any')
            and coalesce(aliases.source_id, names.source_id) = names.source_id

),

final as (

    select
        ranked.market,
        ranked.source_id,
        ranked.provider_raw,
        ranked.provider_id,
        -- An alias without a provider says that the name is no seller's.
        ranked.alias is not null and ranked.provider_id is null as is_ruled_out,
        case ranked.market
            when 'gpu' then providers.gpu_segment
            else providers.token_segment
        end as segment,
        coalesce(ranked.valid_from, date '0001-01-01') as valid_from,
        coalesce(ranked.valid_to, date '9999-12-31') as valid_to,
        ranked.row_count,
        ranked.first_observed_at,
        ranked.last_observed_at
    from ranked
    left join providers
        on ranked.provider_id = providers.provider_id
    where ranked.place = 1

)

select * from final
