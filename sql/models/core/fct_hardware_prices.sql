with

purchases as (

    select * from {{ ref('stg_hardware_prices') }}

),

readings as (

    select * from {{ ref('int_readings__current') }}
    where contract = 'hardware_prices'

),

gpu_names as (

    select * from {{ ref('int_gpu_names__matched') }}
    where contract = 'hardware_prices'

),

final as (

    select
        purchases.source_id,
        purchases.seller_raw,
        purchases.gpu_raw,
        gpu_names.gpu_id,
        purchases.gpu_count,
        purchases.description_raw,
        cast(purchases.observed_at as date) as price_date,
        purchases.usd_per_gpu,
        purchases.evidence,
        purchases.recorded_at,
        purchases.payload_ref
    from purchases
    inner join readings
        on
            purchases.source_id = readings.source_id
            and purchases.reading_scope = readings.reading_scope
            and purchases.observed_at = readings.read_at
            and purchases.recorded_at = readings.recorded_at
    left join gpu_names
        on
            purchases.source_id = gpu_names.source_id
            and purchases.gpu_raw = gpu_names.gpu_raw
            and purchases.seller_raw = gpu_names.provider_raw

)

select * from final
