with

levels as (

    select * from {{ ref('stg_reference_index_levels') }}

),

readings as (

    select * from {{ ref('int_readings__current') }}
    where contract = 'reference_index_levels'

),

families as (

    select distinct gpus.family
    from {{ ref('gpus') }} as gpus

),

final as (

    select
        levels.source_id,
        levels.index_raw,
        levels.segment_raw,
        levels.gpu_raw,
        families.family as gpu_family,
        levels.level_date,
        cast(levels.usd_per_gpu_hour as decimal(18, 9)) as usd_per_gpu_hour,
        levels.evidence,
        levels.recorded_at,
        levels.payload_ref
    from levels
    inner join readings
        on
            levels.source_id = readings.source_id
            and levels.reading_scope = readings.reading_scope
            and levels.observed_at = readings.read_at
            and levels.recorded_at = readings.recorded_at
    left join families
        on {{ name_letters('levels.gpu_raw') }} = families.family

)

select * from final
