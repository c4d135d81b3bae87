with

observed as (

    select * from {{ ref('stg_throughput') }}

),

readings as (

    select * from {{ ref('int_readings__current') }}
    where contract = 'throughput'

),

gpu_names as (

    select * from {{ ref('int_gpu_names__matched') }}
    where contract = 'throughput'

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}
    where contract = 'throughput'

),

-- Every reading repeats the measurements that still stand; the latest sight of one counts.
latest as (

    select observed.*
    from observed
    inner join readings
        on
            observed.source_id = readings.source_id
            and observed.reading_scope = readings.reading_scope
            and observed.observed_at = readings.read_at
            and observed.recorded_at = readings.recorded_at
    qualify
        row_number() over (
            partition by
                observed.source_id, observed.model_raw, observed.gpu_raw, observed.gpu_count,
                observed.precision, observed.engine, observed.configuration_raw, observed.concurrency,
                observed.input_tokens, observed.output_tokens, observed.evaluated_date
            order by observed.observed_at desc
        ) = 1

),

final as (

    select
        latest.source_id,
        latest.model_raw,
        model_names.model_id,
        latest.gpu_raw,
        gpu_names.gpu_id,
        latest.gpu_count,
        latest.precision,
        latest.engine,
        latest.configuration_raw,
        latest.concurrency,
        latest.input_tokens,
        latest.output_tokens,
        latest.evaluated_date,
        latest.output_tokens_per_second_per_gpu,
        latest.input_tokens_per_second_per_gpu,
        latest.total_tokens_per_second_per_gpu,
        latest.output_tokens_per_second_per_user,
        latest.evidence,
        latest.observed_at,
        latest.recorded_at,
        latest.payload_ref
    from latest
    left join gpu_names
        on
            latest.source_id = gpu_names.source_id
            and latest.gpu_raw = gpu_names.gpu_raw
    left join model_names
        on
            latest.source_id = model_names.source_id
            and latest.model_raw = model_names.model_raw
            and coalesce(latest.evaluated_date, cast(latest.observed_at as date)) >= model_names.valid_from
            and coalesce(latest.evaluated_date, cast(latest.observed_at as date)) < model_names.valid_to

)

select * from final
