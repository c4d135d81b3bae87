{#- Below this many tokens per second and user nobody sells tokens: DeepSeek's own fleet served 20 to 22. -#}
{%- set slowest_tokens_per_second_per_user = 20 %}

with

published as (

    select * from {{ ref('throughput_references') }}
    where published_date <= {{ as_of_date() }}

),

measured as (

    select * from {{ ref('fct_throughput') }}
    where
        model_id is not null
        and gpu_id is not null
        and evidence != 'estimate'
        and input_tokens is not null
        and output_tokens is not null

),

shapes as (

    select * from {{ ref('model_shapes') }}

),

-- Of the configurations measured in a month, the one that makes most of an accelerator at these lengths.
-- Where only the sum of both rates is stated, they stand to each other as the lengths do.
best as (

    select
        measured.source_id,
        measured.model_id,
        measured.gpu_id,
        measured.precision,
        date_trunc('month', measured.evaluated_date) as measured_month,
        max(measured.evaluated_date) as measured_date,
        measured.input_tokens,
        measured.output_tokens,
        max(
            coalesce(
                measured.output_tokens_per_second_per_gpu,
                measured.total_tokens_per_second_per_gpu * measured.output_tokens
                / (measured.input_tokens + measured.output_tokens)
            )
        ) as output_tokens_per_second
    from measured
    where measured.output_tokens_per_second_per_user >= {{ slowest_tokens_per_second_per_user }}
    group by all

),

points as (

    select
        published.model_id,
        published.gpu_id,
        lower(published.precision) as number_format,
        published.source || ' ' || published.published_date || ' ' || published.gpu_count as set_id,
        published.throughput_id,
        published.published_date as measured_date,
        published.is_disaggregated,
        published.production_ratio,
        published.input_tokens,
        published.output_tokens,
        published.output_tokens_per_second / published.gpu_count as output_tokens_per_second,
        published.input_tokens_per_second / published.gpu_count as input_tokens_per_second
    from published
    union all
    select
        best.model_id,
        best.gpu_id,
        lower(best.precision) as number_format,
        best.source_id || ' ' || strftime(best.measured_month, '%Y-%m') as set_id,
        best.source_id || ' ' || best.measured_date as throughput_id,
        best.measured_date,
        false as is_disaggregated,
        1 as production_ratio,
        best.input_tokens,
        best.output_tokens,
        best.output_tokens_per_second,
        cast(null as double) as input_tokens_per_second
    from best

),

-- Prompts of 1,000 to 8,192 tokens and answers of some length are what hosts serve.
comparable as (

    select
        points.*,
        points.input_tokens / points.output_tokens as token_ratio
    from points
    where
        points.is_disaggregated
        or (points.input_tokens between 1000 and 8192 and points.output_tokens >= 500)
    qualify
        row_number() over (
            partition by
                points.model_id, points.gpu_id, points.number_format, points.set_id,
                points.input_tokens / points.output_tokens
            order by 1 / points.output_tokens_per_second, points.throughput_id
        ) = 1

),

-- Two ratios of prompt to answer measured on the same machines say what each kind of token costs: the time of
-- a generated token grows by that of the prompt tokens it brings along.
paired as (

    select
        comparable.model_id,
        comparable.gpu_id,
        comparable.number_format,
        comparable.set_id,
        string_agg(distinct comparable.throughput_id, ' ' order by comparable.throughput_id) as throughput_id,
        max(comparable.measured_date) as measured_date,
        bool_or(comparable.is_disaggregated) as is_disaggregated,
        min(comparable.production_ratio) as production_ratio,
        count(*) as point_count,
        max(comparable.output_tokens_per_second) filter (where comparable.is_disaggregated)
            as decode_tokens_per_second,
        max(comparable.input_tokens_per_second) filter (where comparable.is_disaggregated)
            as prefill_tokens_per_second,
        min(comparable.token_ratio) as least_ratio,
        max(comparable.token_ratio) as most_ratio,
        1 / arg_min(comparable.output_tokens_per_second, comparable.token_ratio) as seconds_at_least_ratio,
        1 / arg_max(comparable.output_tokens_per_second, comparable.token_ratio) as seconds_at_most_ratio
    from comparable
    group by 1, 2, 3, 4

),

timed as (

    select
        paired.*,
        case
            when paired.most_ratio > paired.least_ratio
                then
                    (paired.seconds_at_most_ratio - paired.seconds_at_least_ratio)
                    / (paired.most_ratio - paired.least_ratio)
        end as seconds_per_prompt_token
    from paired

),

rated as (

    select
        timed.*,
        timed.seconds_at_least_ratio - timed.least_ratio * timed.seconds_per_prompt_token
            as seconds_per_output_token
    from timed

),

final as (

    select
        shapes.architecture_model_id as shape_id,
        rated.gpu_id,
        rated.number_format,
        rated.throughput_id,
        rated.measured_date,
        cast(rated.point_count as integer) as point_count,
        rated.production_ratio,
        case
            when rated.is_disaggregated then rated.decode_tokens_per_second
            when rated.seconds_per_prompt_token > 0 and rated.seconds_per_output_token > 0
                then 1 / rated.seconds_per_output_token
        end as decode_tokens_per_second,
        case
            when rated.is_disaggregated then rated.prefill_tokens_per_second
            when rated.seconds_per_prompt_token > 0 and rated.seconds_per_output_token > 0
                then 1 / rated.seconds_per_prompt_token
        end as prefill_tokens_per_second,
        rated.least_ratio as measured_ratio,
        1 / rated.seconds_at_least_ratio as measured_tokens_per_second
    from rated
    inner join shapes
        on rated.model_id = shapes.model_id

)

select * from final
