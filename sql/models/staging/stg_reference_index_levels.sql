with

observed as (

    select * from {{ lake('reference_index_levels') }}

),

final as (

    select
        observed.index_raw,
        observed.segment_raw,
        observed.gpu_raw,
        observed.level_date,
        observed.usd_per_gpu_hour,
        observed.source_id,
        observed.reading_scope,
        {{ utc('observed.observed_at') }} as observed_at,
        {{ utc('observed.observed_until') }} as observed_until,
        {{ utc('observed.recorded_at') }} as recorded_at,
        {{ utc('observed.effective_from') }} as effective_from,
        {{ utc('observed.effective_to') }} as effective_to,
        observed.evidence,
        observed.payload_ref,
        observed.parser_version,
        observed.date as lake_date
    from observed
    where {{ utc('observed.recorded_at') }} <= {{ as_of() }}

)

select * from final
