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

-- A name with several validity dates counts once.
names as (

    select
        'gpu' as kind,
        gpu_names.source_id,
        gpu_names.gpu_raw || '/' || gpu_names.provider_raw || '/' || gpu_names.instance_type as name_raw,
        gpu_names.row_count,
        gpu_names.gpu_id is not null or gpu_names.is_ruled_out as is_resolved
    from gpu_names
    union all
    select distinct
        'provider' as kind,
        provider_names.source_id,
        provider_names.market || '/' || provider_names.provider_raw as name_raw,
        provider_names.row_count,
        provider_names.provider_id is not null as is_resolved
    from provider_names
    union all
    select distinct
        'model' as kind,
        model_names.source_id,
        model_names.contract || '/' || model_names.host_raw || '/' || model_names.model_raw as name_raw,
        model_names.row_count,
        model_names.model_id is not null as is_resolved
    from model_names

),

counted as (

    select
        names.kind,
        names.source_id,
        count(*) as name_count,
        sum(names.row_count) as row_count,
        coalesce(sum(names.row_count) filter (where names.is_resolved), 0) as resolved_row_count
    from names
    group by 1, 2

),

final as (

    select
        counted.kind,
        counted.source_id,
        cast(counted.name_count as bigint) as name_count,
        cast(counted.row_count as bigint) as row_count,
        cast(counted.resolved_row_count as bigint) as resolved_row_count,
        cast(counted.resolved_row_count as double) / counted.row_count as resolved_ratio
    from counted

)

select * from final
