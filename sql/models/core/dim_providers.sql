with

providers as (

    select * from {{ ref('providers') }}

),

aliases as (

    select * from {{ ref('provider_aliases') }}

),

named as (

    select
        aliases.provider_id,
        string_agg(distinct aliases.alias, ' ' order by aliases.alias) as aliases
    from aliases
    group by 1

),

final as (

    select
        providers.provider_id,
        providers.provider_name,
        providers.gpu_segment,
        providers.token_segment,
        providers.gpu_segment != 'aggregator' as is_gpu_venue,
        providers.token_segment != 'aggregator' as is_token_venue,
        providers.country,
        providers.homepage,
        providers.confidence,
        named.aliases,
        providers.notes
    from providers
    left join named
        on providers.provider_id = named.provider_id

)

select * from final
