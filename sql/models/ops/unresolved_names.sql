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

gpus as (

    select * from {{ ref('gpus') }}

),

providers as (

    select * from {{ ref('providers') }}

),

models as (

    select * from {{ ref('models') }}

),

open_names as (

    select
        'gpu' as kind,
        gpu_names.gpu_raw as name_raw,
        gpu_names.source_id as source_ids,
        gpu_names.row_count,
        gpu_names.first_observed_at,
        gpu_names.last_observed_at
    from gpu_names
    where gpu_names.gpu_id is null and not gpu_names.is_ruled_out
    union all
    select
        'provider' as kind,
        provider_names.provider_raw as name_raw,
        provider_names.source_id as source_ids,
        provider_names.row_count,
        provider_names.first_observed_at,
        provider_names.last_observed_at
    from provider_names
    where provider_names.provider_id is null
    union all
    select
        'model' as kind,
        model_names.model_raw as name_raw,
        model_names.source_id as source_ids,
        model_names.row_count,
        model_names.first_observed_at,
        model_names.last_observed_at
    from model_names
    where model_names.model_id is null

),

counted as (

    select
        open_names.kind,
        open_names.name_raw,
        string_agg(distinct open_names.source_ids, ' ' order by open_names.source_ids) as source_ids,
        sum(open_names.row_count) as row_count,
        min(open_names.first_observed_at) as first_observed_at,
        max(open_names.last_observed_at) as last_observed_at
    from open_names
    group by 1, 2

),

known as (

    select
        'gpu' as kind,
        gpus.gpu_id as candidate_id,
        {{ name_letters('gpus.gpu_name') }} as letters
    from gpus
    union all
    select
        'provider' as kind,
        providers.provider_id as candidate_id,
        {{ name_letters('providers.provider_name') }} as letters
    from providers
    union all
    select
        'model' as kind,
        models.model_id as candidate_id,
        {{ name_letters('models.model_id') }} as letters
    from models

),

-- Candidates help with what matters; of thousands of names only the most frequent are compared.
frequent as (

    select counted.*
    from counted
    qualify
        row_number() over (
            partition by counted.kind
            order by counted.row_count desc, counted.name_raw asc
        ) <= 500

),

nearest as (

    select
        frequent.kind,
        frequent.name_raw,
        known.candidate_id,
        {{ name_similarity("regexp_replace(" ~ name_letters("regexp_replace(frequent.name_raw, '^.*/', '')")
            ~ ", '^nvidia', '')", 'known.letters') }} as similarity
    from frequent
    inner join known
        on frequent.kind = known.kind
    qualify
        row_number() over (
            partition by frequent.kind, frequent.name_raw
            order by similarity desc, known.candidate_id asc
        ) <= 3

),

candidates as (

    select
        nearest.kind,
        nearest.name_raw,
        string_agg(
            nearest.candidate_id || ' ' || printf('%.2f', nearest.similarity), ', '
            order by nearest.similarity desc, nearest.candidate_id asc
        ) as nearest_candidates
    from nearest
    group by 1, 2

),

final as (

    select
        counted.kind,
        counted.name_raw,
        counted.source_ids,
        cast(counted.row_count as bigint) as row_count,
        counted.first_observed_at,
        counted.last_observed_at,
        candidates.nearest_candidates
    from counted
    left join candidates
        on
            counted.kind = candidates.kind
            and counted.name_raw = candidates.name_raw

)

select * from final
