{#- Shares of the rows that are to be resolved: [kind, population, share]. -#}
{%- set floors = [
    ['gpu', 'all', 0.98],
    ['gpu', 'flagships', 1.0],
    ['provider', 'all', 0.97],
    ['model', 'first_party_labs', 0.97],
    ['model', 'largest_hosts', 0.97],
    ['model', 'arena_top', 1.0],
] -%}
{%- set largest_host_count = 20 -%}
{%- set arena_top_count = 150 -%}

with

gpu_names as (

    select * from {{ ref('int_gpu_names__matched') }}

),

provider_names as (

    select * from {{ ref('int_provider_names__matched') }}

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}

),

scores as (

    select * from {{ ref('stg_leaderboard_scores') }}

),

gpus as (

    select
        'gpu' as kind,
        gpu_names.source_id,
        gpu_names.gpu_raw || '/' || gpu_names.provider_raw || '/' || gpu_names.instance_type as name_context,
        gpu_names.row_count,
        gpu_names.gpu_id is not null as is_resolved,
        gpu_names.is_ruled_out,
        {{ matches('lower(gpu_names.gpu_raw)', "'h100|h200|a100|b200|mi300x|l40s'") }} as is_flagship
    from gpu_names

),

-- A name with several validity dates counts once.
providers as (

    select distinct
        'provider' as kind,
        provider_names.source_id,
        provider_names.market || '/' || provider_names.provider_raw as name_context,
        provider_names.row_count,
        provider_names.provider_id is not null as is_resolved,
        provider_names.is_ruled_out
    from provider_names

),

models as (

    select
        'model' as kind,
        model_names.source_id,
        model_names.contract,
        model_names.host_raw,
        model_names.model_raw,
        model_names.contract || '/' || model_names.host_raw || '/' || model_names.model_raw as name_context,
        model_names.row_count,
        bool_or(model_names.model_id is not null) as is_resolved,
        bool_or(model_names.is_ruled_out) as is_ruled_out
    from model_names
    group by 1, 2, 3, 4, 5, 6, 7

),

hosts as (

    select distinct
        provider_names.source_id,
        provider_names.provider_raw as host_raw,
        provider_names.provider_id,
        coalesce(provider_names.segment = 'first_party_lab', false) as is_lab
    from provider_names
    where
        provider_names.market = 'token'
        and provider_names.provider_id is not null

),

offered as (

    select
        models.*,
        hosts.provider_id,
        hosts.is_lab
    from models
    inner join hosts
        on
            models.source_id = hosts.source_id
            and models.host_raw = hosts.host_raw
    where models.contract = 'token_prices'

),

largest_hosts as (

    select offered.provider_id
    from offered
    where not offered.is_lab
    group by 1
    qualify
        row_number() over (order by sum(offered.row_count) desc, offered.provider_id asc)
        <= {{ largest_host_count }}

),

-- The latest snapshot of the Arena in the words of each source.
arena as (

    select
        scores.source_id,
        scores.model_raw
    from scores
    where
        scores.leaderboard = 'lmarena_text'
        and scores.category = 'overall'
        and scores.metric = 'rating'
    qualify
        scores.evaluated_date = max(scores.evaluated_date) over (partition by scores.source_id)
        and row_number() over (
            partition by scores.source_id, scores.evaluated_date
            order by scores.score desc, scores.model_raw asc
        ) <= {{ arena_top_count }}

),

sold as (

    select distinct model_names.model_id
    from model_names
    where
        model_names.contract = 'token_prices'
        and model_names.model_id is not null

),

-- Nobody knows whether a model without an identity is sold: it counts as if it were.
arena_sold as (

    select
        'model' as kind,
        arena.source_id,
        arena.model_raw as name_context,
        1 as row_count,
        bool_or(model_names.model_id is not null) as is_resolved,
        bool_or(model_names.is_ruled_out) as is_ruled_out
    from arena
    inner join model_names
        on
            arena.source_id = model_names.source_id
            and arena.model_raw = model_names.model_raw
            and model_names.contract = 'leaderboard_scores'
    left join sold
        on model_names.model_id = sold.model_id
    group by 1, 2, 3
    having bool_or(model_names.model_id is null) or bool_or(sold.model_id is not null)

),

{% set columns = ['kind', 'source_id', 'name_context', 'row_count', 'is_resolved', 'is_ruled_out'] -%}
populated as (

    select
        {{ columns_of('gpus', columns) }},
        'all' as population
    from gpus
    union all
    select
        {{ columns_of('gpus', columns) }},
        'flagships' as population
    from gpus
    where gpus.is_flagship
    union all
    select
        {{ columns_of('providers', columns) }},
        'all' as population
    from providers
    union all
    select
        {{ columns_of('models', columns) }},
        'all' as population
    from models
    union all
    select
        {{ columns_of('offered', columns) }},
        'first_party_labs' as population
    from offered
    where offered.is_lab
    union all
    select
        {{ columns_of('offered', columns) }},
        'largest_hosts' as population
    from offered
    inner join largest_hosts
        on offered.provider_id = largest_hosts.provider_id
    union all
    select
        {{ columns_of('arena_sold', columns) }},
        'arena_top' as population
    from arena_sold

),

-- Every row counts for its source and for all sources together.
told as (

    select
        populated.kind,
        populated.population,
        populated.source_id,
        populated.row_count,
        populated.is_resolved,
        populated.is_ruled_out
    from populated
    union all
    select
        populated.kind,
        populated.population,
        cast(null as varchar) as source_id,
        populated.row_count,
        populated.is_resolved,
        populated.is_ruled_out
    from populated

),

counted as (

    select
        told.kind,
        told.population,
        told.source_id,
        count(*) as name_count,
        sum(told.row_count) as row_count,
        coalesce(sum(told.row_count) filter (where told.is_resolved), 0) as resolved_row_count,
        coalesce(sum(told.row_count) filter (where told.is_ruled_out), 0) as ruled_out_row_count
    from told
    group by 1, 2, 3

),

final as (

    select
        counted.kind,
        counted.population,
        counted.source_id,
        cast(counted.name_count as bigint) as name_count,
        cast(counted.row_count as bigint) as row_count,
        cast(counted.resolved_row_count as bigint) as resolved_row_count,
        cast(counted.ruled_out_row_count as bigint) as ruled_out_row_count,
        cast(counted.resolved_row_count + counted.ruled_out_row_count as double) / counted.row_count
            as resolved_ratio,
        cast(
            case
                {% for kind, population, share in floors -%}
                when counted.kind = '{{ kind }}' and counted.population = '{{ population }}' then {{ share }}
                {% endfor -%}
            end as double
        ) as floor_ratio
    from counted

)

select * from final
