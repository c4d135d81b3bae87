with

observed as (

    select * from {{ lake('gpu_offers') }}

),

final as (

    select
        observed.offer_key,
        observed.provider_raw,
        observed.gpu_raw,
        observed.gpu_count,
        observed.gpu_memory_gb,
        observed.interconnect_raw,
        observed.instance_type,
        observed.region_raw,
        observed.purchase_type,
        observed.commitment_months,
        observed.price_statistic,
        observed.usd_per_hour,
        observed.native_price,
        observed.currency,
        observed.vcpus,
        observed.memory_gb,
        observed.is_available,
        observed.available_count,
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
