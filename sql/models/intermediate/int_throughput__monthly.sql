{#- Days on either side of a measurement on which it counts as one of the day. -#}
{%- set fresh_days = 365 %}
{#- Largest ratio of sizes or bandwidths over which a rate is scaled. -#}
{%- set farthest_ratio = 3 %}
{#- Share of its bandwidth that an accelerator reaches in practice. -#}
{%- set reached_bandwidth_ratio = 0.8 %}
{#- Tokens a generated one looks back on, on average: 1,000 of the prompt and half of 1,000 answered. -#}
{%- set context_tokens = 1500 %}
{#- Accelerators that share a model at most; they hold the weights, a byte each, in 4/5 of their memory. -#}
{%- set sharing_gpus = 16 %}
{#- Accelerator that stands in the row of a model whose throughput nobody knows. -#}
{%- set reference_gpu = 'h100-sxm-80gb' %}
{#- Share by which the true rate may miss. -#}
{%- set tolerance = {'measured': 0.2, 'scaled': 0.4} %}

with

rates as (

    select * from {{ ref('int_throughput__references') }}

),

shapes as (

    select * from {{ ref('model_shapes') }}

),

architectures as (

    select * from {{ ref('model_architectures') }}

),

models as (

    select * from {{ ref('models') }}

),

gpus as (

    select
        gpus.*,
        coalesce(gpus.dense_fp8_tflops, gpus.dense_bf16_tflops) as dense_tflops
    from {{ ref('gpus') }} as gpus
    where gpus.form_factor in ('sxm', 'oam', 'nvl72') and gpus.memory_bandwidth_gb_per_s is not null

),

prices as (

    select * from {{ ref('token_prices_daily') }}

),

months as (

    select {{ months_between('min(prices.price_date)', 'max(prices.price_date)') }} as margin_month
    from prices

),

served as (

    select
        shapes.model_id,
        shapes.architecture_model_id as shape_id,
        architectures.cache_form as attention,
        cast(architectures.cache_bytes_per_token as double) as kv_bytes_per_token,
        models.total_params_b,
        models.active_params_b,
        models.active_params_b < models.total_params_b as is_sparse
    from shapes
    inner join architectures
        on shapes.architecture_model_id = architectures.model_id
    inner join models
        on shapes.model_id = models.model_id

),

sizes as (

    select
        served.shape_id,
        min(served.attention) as attention,
        bool_and(served.is_sparse) as is_sparse,
        min(served.total_params_b) as total_params_b,
        min(served.active_params_b) as active_params_b
    from served
    group by 1

),

-- Eight bits are what hosts serve, so they come first; four-bit arithmetic costs quality.
known as (

    select
        rates.*,
        case
            when rates.number_format in ('fp8', 'int8') then 1
            when rates.number_format in ('fp4', 'nvfp4') then 3
            else 2
        end as precision_rank,
        coalesce(rates.decode_tokens_per_second, rates.measured_tokens_per_second) as rate
    from rates

),

measured as (

    select
        months.margin_month,
        served.model_id,
        known.*
    from known
    inner join served
        on known.shape_id = served.shape_id
    inner join months
        on
            known.measured_date >= months.margin_month - {{ fresh_days }}
            and known.measured_date < months.margin_month + interval 1 month + interval {{ fresh_days }} day
    qualify
        row_number() over (
            partition by months.margin_month, served.model_id, known.gpu_id
            order by
                known.precision_rank,
                known.measured_date >= months.margin_month + interval 1 month,
                1 / known.rate,
                known.throughput_id
        ) = 1

),

-- The nearest measurement of the same kind: attention and sparsity alike, sizes and bandwidths near, machines
-- of one maker. Numbers of four bits serve only machines that compute with four bits.
scaled as (

    select
        served.model_id,
        served.shape_id as target_shape_id,
        served.kv_bytes_per_token,
        served.active_params_b,
        gpus.gpu_id as target_gpu_id,
        gpus.dense_tflops,
        gpus.memory_bandwidth_gb_per_s,
        known.*,
        sizes.active_params_b / served.active_params_b as size_factor,
        gpus.memory_bandwidth_gb_per_s / machines.memory_bandwidth_gb_per_s as bandwidth_factor,
        gpus.dense_tflops / machines.dense_tflops as compute_factor
    from served
    inner join sizes
        on
            served.attention = sizes.attention
            and served.is_sparse = sizes.is_sparse
            and served.active_params_b / sizes.active_params_b
            between 1.0 / {{ farthest_ratio }} and {{ farthest_ratio }}
            and served.total_params_b / sizes.total_params_b
            between 1.0 / {{ farthest_ratio }} and {{ farthest_ratio }}
    inner join known
        on sizes.shape_id = known.shape_id
    inner join gpus as machines
        on known.gpu_id = machines.gpu_id
    inner join gpus
        on
            machines.vendor = gpus.vendor
            and gpus.memory_bandwidth_gb_per_s / machines.memory_bandwidth_gb_per_s
            between 1.0 / {{ farthest_ratio }} and {{ farthest_ratio }}
            and served.total_params_b <= 0.8 * {{ sharing_gpus }} * gpus.memory_gb
            and (
                machines.architecture = gpus.architecture
                or (known.precision_rank = 1 and gpus.dense_fp8_tflops is not null)
                or known.precision_rank = 2
            )
    qualify
        row_number() over (
            partition by served.model_id, gpus.gpu_id
            order by
                abs(ln(served.active_params_b / sizes.active_params_b))
                + abs(ln(served.total_params_b / sizes.total_params_b))
                + abs(ln(gpus.memory_bandwidth_gb_per_s / machines.memory_bandwidth_gb_per_s)),
                known.precision_rank,
                {{ as_of_date() }} - known.measured_date,
                known.throughput_id
        ) = 1

),

-- What no machine exceeds: a sequence reads its own past, kept in eight bits, at the speed of the memory, and
-- a token takes two operations per active parameter.
capped as (

    select
        scaled.*,
        least(
            scaled.decode_tokens_per_second * scaled.size_factor * scaled.bandwidth_factor,
            {{ reached_bandwidth_ratio }} * scaled.memory_bandwidth_gb_per_s * 1e9
            / (scaled.kv_bytes_per_token / 2 * {{ context_tokens }}),
            scaled.dense_tflops * 1e12 / (2e9 * scaled.active_params_b)
        ) as capped_decode_tokens_per_second,
        least(
            scaled.prefill_tokens_per_second * scaled.size_factor * scaled.compute_factor,
            scaled.dense_tflops * 1e12 / (2e9 * scaled.active_params_b)
        ) as capped_prefill_tokens_per_second,
        least(
            scaled.measured_tokens_per_second * scaled.size_factor * scaled.bandwidth_factor,
            {{ reached_bandwidth_ratio }} * scaled.memory_bandwidth_gb_per_s * 1e9
            / (scaled.kv_bytes_per_token / 2 * {{ context_tokens }}),
            scaled.dense_tflops * 1e12 / (2e9 * scaled.active_params_b * (1 + scaled.measured_ratio))
        ) as capped_measured_tokens_per_second
    from scaled

),

final as (

    select
        measured.margin_month,
        measured.model_id,
        measured.gpu_id,
        'measured' as throughput_tier,
        measured.throughput_id,
        measured.point_count,
        measured.production_ratio,
        measured.decode_tokens_per_second,
        measured.prefill_tokens_per_second,
        measured.measured_ratio,
        measured.measured_tokens_per_second,
        {{ tolerance['measured'] }} as tolerance_ratio
    from measured
    union all
    select
        months.margin_month,
        capped.model_id,
        capped.target_gpu_id as gpu_id,
        'scaled' as throughput_tier,
        capped.throughput_id,
        capped.point_count,
        capped.production_ratio,
        case
            when capped.decode_tokens_per_second is not null then capped.capped_decode_tokens_per_second
        end as decode_tokens_per_second,
        case
            when capped.prefill_tokens_per_second is not null then capped.capped_prefill_tokens_per_second
        end as prefill_tokens_per_second,
        capped.measured_ratio,
        case
            when capped.measured_tokens_per_second is not null then capped.capped_measured_tokens_per_second
        end as measured_tokens_per_second,
        {{ tolerance['scaled'] }} as tolerance_ratio
    from capped
    cross join months
    left join measured
        on
            months.margin_month = measured.margin_month
            and capped.model_id = measured.model_id
            and capped.target_gpu_id = measured.gpu_id
    where measured.model_id is null
    union all
    select
        months.margin_month,
        models.model_id,
        '{{ reference_gpu }}' as gpu_id,
        'none' as throughput_tier,
        cast(null as varchar) as throughput_id,
        0 as point_count,
        cast(null as double) as production_ratio,
        cast(null as double) as decode_tokens_per_second,
        cast(null as double) as prefill_tokens_per_second,
        cast(null as double) as measured_ratio,
        cast(null as double) as measured_tokens_per_second,
        cast(null as double) as tolerance_ratio
    from models
    cross join months
    left join capped
        on models.model_id = capped.model_id
    where models.is_open_weights and capped.model_id is null

)

select * from final
