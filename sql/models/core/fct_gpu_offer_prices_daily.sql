{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'price_date') }}",
    )
}}

{%- set first_day = rebuild_from('gpu_offers', 'price_date') %}

with

offers as (

    select * from {{ ref('stg_gpu_offers') }}

),

readings as (

    select * from {{ ref('int_readings__current') }}
    where contract = 'gpu_offers'

),

reading_days as (

    select * from {{ ref('int_readings__days') }}
    where contract = 'gpu_offers'

),

gpu_names as (

    select * from {{ ref('int_gpu_names__matched') }}
    where contract = 'gpu_offers'

),

provider_names as (

    select * from {{ ref('int_provider_names__matched') }}
    where market = 'gpu'

),

gpus as (

    select * from {{ ref('gpus') }}

),

fx_rates as (

    select * from {{ ref('fct_fx_rates') }}
    where currency != 'USD'

),

-- Only what the latest recording of a reading says is true of it.
believed as (

    select
        offers.*,
        cast(offers.observed_at as date) as first_date,
        cast(offers.observed_until as date) as last_seen_date,
        last_readings.carried_until_date
    from offers
    inner join readings
        on
            offers.source_id = readings.source_id
            and offers.reading_scope = readings.reading_scope
            and offers.observed_at = readings.read_at
            and offers.recorded_at = readings.recorded_at
    -- Null where a later reading of the same day no longer shows the offer: then nothing is carried.
    left join readings as last_readings
        on
            offers.source_id = last_readings.source_id
            and offers.reading_scope = last_readings.reading_scope
            and offers.observed_until = last_readings.read_at
    {% if is_incremental() %}
    where
        offers.observed_until >= date '{{ first_day }}' - {{ var('carry_days_listed') }} - 1
        and offers.lake_date >= date '{{ first_day }}' - {{ var('carry_days_listed') }} - 1
    {% endif %}

),

named as (

    select
        believed.*,
        gpu_names.gpu_id,
        gpus.family as gpu_family,
        gpu_names.is_ruled_out,
        provider_names.provider_id,
        provider_names.segment,
        -- An ask on a marketplace, polled or with its stock told, stands for days only; a posted price as
        -- long as its reading may.
        least(
            believed.carried_until_date,
            case
                when
                    provider_names.segment = 'marketplace'
                    and (
                        believed.evidence = 'polled'
                        or believed.is_available is not null
                        or believed.available_count is not null
                    )
                    then believed.last_seen_date + {{ var('carry_days_marketplace') }}
                else believed.carried_until_date
            end
        ) as carried_date
    from believed
    left join gpu_names
        on
            believed.source_id = gpu_names.source_id
            and believed.gpu_raw = gpu_names.gpu_raw
            and coalesce(believed.interconnect_raw, '') = gpu_names.interconnect_raw
            and coalesce(believed.instance_type, '') = gpu_names.instance_type
            and believed.provider_raw = gpu_names.provider_raw
            and coalesce(round(believed.gpu_memory_gb), 0) = gpu_names.gpu_memory_gb
    left join gpus
        on gpu_names.gpu_id = gpus.gpu_id
    left join provider_names
        on
            believed.source_id = provider_names.source_id
            and believed.provider_raw = provider_names.provider_raw
            and believed.observed_at >= provider_names.valid_from
            and believed.observed_at < provider_names.valid_to

),

-- The latest sight of an offer wins the day, so an earlier one ends the day before it.
bounded as (

    select
        named.*,
        least(
            coalesce(named.carried_date, named.last_seen_date),
            coalesce(
                lead(named.first_date) over (
                    partition by named.source_id, named.offer_key
                    order by named.observed_at, named.recorded_at
                ) - 1,
                date '9999-12-31'
            ),
            {{ as_of_date() }}
        ) as last_date
    from named

),

dated as (

    select
        bounded.*,
        {{ days_between("greatest(bounded.first_date, date '" ~ first_day ~ "')", 'bounded.last_date') }}
            as price_date
    from bounded

),

-- A price in another currency is converted once, with the rate of its day; what the source itself states in
-- USD stays as stated.
daily as (

    select
        dated.*,
        coalesce(
            dated.usd_per_hour,
            case when dated.currency = 'USD' then dated.native_price end,
            cast(dated.native_price * fx_rates.usd_per_unit as decimal(18, 9))
        ) as converted_usd_per_hour,
        fx_rates.usd_per_unit as fx_usd_per_unit,
        fx_rates.rate_date as fx_rate_date
    from dated
    left join fx_rates
        on
            dated.usd_per_hour is null
            and dated.currency = fx_rates.currency
            and dated.price_date between fx_rates.rate_date and fx_rates.valid_until_date

),

final as (

    select
        daily.price_date,
        daily.source_id,
        daily.reading_scope,
        daily.offer_key,
        daily.provider_id,
        daily.provider_raw,
        daily.segment,
        daily.gpu_id,
        daily.gpu_family,
        daily.gpu_raw,
        daily.gpu_count,
        daily.instance_type,
        daily.region_raw,
        daily.purchase_type,
        coalesce(daily.commitment_months, 0) as commitment_months,
        daily.price_statistic,
        daily.converted_usd_per_hour as usd_per_hour,
        {{ usd_per_gpu_hour('daily.converted_usd_per_hour', 'daily.gpu_count') }} as usd_per_gpu_hour,
        daily.native_price,
        daily.currency,
        daily.fx_usd_per_unit,
        daily.fx_rate_date,
        daily.is_available,
        daily.available_count,
        daily.evidence,
        case
            when daily.evidence = 'estimate' then 'an estimate'
            when daily.converted_usd_per_hour is null then 'no exchange rate of the day'
            when daily.is_ruled_out then 'not a whole accelerator of a known kind'
            when daily.gpu_id is null then 'accelerator not resolved'
            when daily.provider_id is null then 'provider not resolved'
            when daily.gpu_count < 1 then 'a share of an accelerator'
            when daily.segment = 'marketplace' and not daily.is_available then 'not rentable'
        end as exclusion_reason,
        daily.observed_at,
        least(reading_days.last_read_at, daily.observed_until) as last_observed_at,
        daily.recorded_at,
        daily.payload_ref
    from daily
    -- Inside a run of readings that show an offer unchanged, a long silence is still a gap.
    inner join reading_days
        on
            daily.source_id = reading_days.source_id
            and daily.reading_scope = reading_days.reading_scope
            and daily.price_date = reading_days.covered_date

)

select * from final
