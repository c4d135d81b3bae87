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

worded as (

    select * from {{ ref('int_model_names__worded') }}

),

open_names as (

    select
        'gpu' as kind,
        gpu_names.gpu_raw as name_raw,
        'gpu' as market,
        {{ name_words('gpu_names.gpu_raw') }} as name_key,
        gpu_names.source_id,
        gpu_names.row_count,
        gpu_names.first_observed_at,
        gpu_names.last_observed_at
    from gpu_names
    where
        gpu_names.gpu_id is null
        and not gpu_names.is_ruled_out
    union all
    select
        'provider' as kind,
        provider_names.provider_raw as name_raw,
        provider_names.market,
        {{ name_letters('provider_names.provider_raw') }} as name_key,
        provider_names.source_id,
        provider_names.row_count,
        provider_names.first_observed_at,
        provider_names.last_observed_at
    from provider_names
    where
        provider_names.provider_id is null
        and not provider_names.is_ruled_out
    union all
    select
        'model' as kind,
        model_names.model_raw as name_raw,
        'token' as market,
        worded.form as name_key,
        model_names.source_id,
        model_names.row_count,
        model_names.first_observed_at,
        model_names.last_observed_at
    from model_names
    inner join worded
        on
            model_names.model_raw = worded.model_raw
            and worded.words_left_out = 0
            and not worded.is_shortened
    where
        model_names.model_id is null
        and not model_names.is_ruled_out

),

final as (

    select
        open_names.kind,
        open_names.name_raw,
        open_names.market,
        open_names.name_key,
        string_agg(distinct open_names.source_id, ' ' order by open_names.source_id) as source_ids,
        cast(sum(open_names.row_count) as bigint) as row_count,
        min(open_names.first_observed_at) as first_observed_at,
        max(open_names.last_observed_at) as last_observed_at
    from open_names
    group by 1, 2, 3, 4

)

select * from final
