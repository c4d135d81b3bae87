with

gpus as (

    select * from {{ ref('gpus') }}

),

final as (

    select
        gpus.gpu_id,
        gpus.gpu_name,
        gpus.vendor,
        gpus.family,
        gpus.form_factor,
        gpus.architecture,
        gpus.launch_date,
        gpus.memory_gb,
        gpus.memory_bandwidth_gb_per_s,
        gpus.dense_bf16_tflops,
        gpus.dense_fp8_tflops,
        gpus.tdp_w,
        gpus.dense_bf16_tflops * 1e3 / gpus.memory_bandwidth_gb_per_s as ridge_flop_per_byte,
        gpus.source,
        gpus.confidence,
        gpus.unverified_columns,
        gpus.notes
    from gpus

)

select * from final
