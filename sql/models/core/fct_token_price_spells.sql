{%- set key = [
    'source_id', 'reading_scope', 'host_raw', 'model_raw', 'component', 'unit', 'service_tier', 'utc_window',
    'min_context_tokens', 'quantization',
] %}

with

prices as (

    select
        source_id,
        reading_scope,
        host_raw,
        model_raw,
        component,
        unit,
        service_tier,
        coalesce(utc_window, '') as utc_window,
        min_context_tokens,
        coalesce(quantization, '') as quantization,
        usd_amount,
        is_free,
        context_tokens,
        effective_from,
        effective_to,
        evidence,
        observed_at,
        observed_until,
        recorded_at,
        payload_ref
    from {{ ref('stg_token_prices') }}
    where evidence != 'estimate'

),

readings as (

    select
        source_id,
        reading_scope,
        read_at,
        recorded_at,
        row_number() over (partition by source_id, reading_scope order by read_at) as reading_number,
        lead(read_at) over (partition by source_id, reading_scope order by read_at) as next_read_at
    from {{ ref('int_readings__current') }}
    where contract = 'token_prices'

),

provider_names as (

    select * from {{ ref('int_provider_names__matched') }}
    where market = 'token'

),

-- Only what the latest recording of a reading says is true of it.
believed as (

    select
        prices.*,
        readings.reading_number as first_reading,
        last_readings.reading_number as last_reading,
        last_readings.next_read_at
    from prices
    inner join readings
        on
            prices.source_id = readings.source_id
            and prices.reading_scope = readings.reading_scope
            and prices.observed_at = readings.read_at
            and prices.recorded_at = readings.recorded_at
    left join readings as last_readings
        on
            prices.source_id = last_readings.source_id
            and prices.reading_scope = last_readings.reading_scope
            and prices.observed_until = last_readings.read_at

),

-- A spell ends where the price, its own dates or the unbroken run of readings end.
marked as (

    select
        believed.*,
        coalesce(
            believed.usd_amount = lag(believed.usd_amount) over line
            and believed.effective_from is not distinct from lag(believed.effective_from) over line
            and believed.effective_to is not distinct from lag(believed.effective_to) over line
            and believed.first_reading <= lag(believed.last_reading) over line + 1,
            false
        ) as goes_on
    from believed
    window line as (
        partition by {{ columns_of('believed', key) }}
        order by believed.observed_at
    )

),

numbered as (

    select
        marked.*,
        sum(cast(not marked.goes_on as integer)) over (
            partition by {{ columns_of('marked', key) }}
            order by marked.observed_at
            rows between unbounded preceding and current row
        ) as spell_number
    from marked

),

spells as (

    select
        {{ columns_of('numbered', key) }},
        numbered.spell_number,
        min(numbered.usd_amount) as usd_amount,
        bool_or(numbered.is_free) as is_free,
        min(numbered.observed_at) as first_seen_at,
        max(numbered.observed_until) as last_seen_at,
        max(numbered.next_read_at) as next_read_at,
        min(numbered.effective_from) as effective_from,
        min(numbered.effective_to) as effective_to,
        arg_max(numbered.context_tokens, numbered.observed_at) as context_tokens,
        arg_max(numbered.evidence, numbered.observed_at) as evidence,
        max(numbered.recorded_at) as recorded_at,
        arg_min(numbered.payload_ref, numbered.observed_at) as payload_ref
    from numbered
    group by all

),

final as (

    select
        spells.source_id,
        spells.reading_scope,
        spells.host_raw,
        provider_names.provider_id as host_id,
        spells.model_raw,
        spells.component,
        spells.unit,
        spells.service_tier,
        spells.utc_window,
        spells.min_context_tokens,
        spells.quantization,
        cast(spells.spell_number as integer) as spell_number,
        spells.usd_amount,
        spells.is_free,
        spells.first_seen_at,
        spells.last_seen_at,
        case when spells.next_read_at > spells.last_seen_at then spells.next_read_at end as next_read_at,
        spells.effective_from,
        spells.effective_to,
        spells.context_tokens,
        spells.evidence,
        spells.recorded_at,
        spells.payload_ref
    from spells
    left join provider_names
        on
            spells.source_id = provider_names.source_id
            and spells.host_raw = provider_names.provider_raw
            and spells.first_seen_at >= provider_names.valid_from
            and spells.first_seen_at < provider_names.valid_to

)

select * from final
