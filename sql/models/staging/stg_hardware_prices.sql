with

observed as (

    select * from {{ lake('hardware_prices') }}

),

final as (

    select
        observed.seller_raw,
        observed.gpu_raw,
        observed.gpu_count,
        observed.description_raw,
        observed.usd_per_gpu,
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
