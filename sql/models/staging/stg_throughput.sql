with

observed as (

    select * from {{ lake('throughput') }}

),

final as (

    select
        observed.model_raw,
        observed.gpu_raw,
        observed.gpu_count,
        observed.precision,
        observed.engine,
        observed.configuration_raw,
        observed.concurrency,
        observed.input_tokens,
        observed.output_tokens,
        observed.output_tokens_per_second_per_gpu,
        observed.input_tokens_per_second_per_gpu,
        observed.total_tokens_per_second_per_gpu,
        observed.output_tokens_per_second_per_user,
        observed.evaluated_date,
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
