{%- set line = [
    'source_id', 'host_raw', 'model_raw', 'component', 'unit', 'service_tier', 'utc_window',
    'min_context_tokens', 'quantization',
] %}
{#- Reasons of the quarantine. -#}
{%- set no_price = "'^(0|a price of 0|extends )'" %}
{%- set wrong_unit = "'unit error|cheaper than one of its characters'" %}

with

spells as (

    select
        fct_token_price_spells.*,
        {{ token_series_key('fct_token_price_spells') }} as series_key
    from {{ ref('fct_token_price_spells') }} as fct_token_price_spells

),

first_readings as (

    select
        source_id,
        reading_scope,
        min(read_at) as first_read_at
    from {{ ref('int_readings__current') }}
    where contract = 'token_prices'
    group by 1, 2

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}
    where contract = 'token_prices'

),

models as (

    select * from {{ ref('models') }}

),

sources as (

    select * from {{ ref('sources') }}

),

publishers as (

    select * from {{ ref('provider_aliases') }}
    where source_id is null and market in ('token', 'any')

),

quarantine as (

    select distinct
        source_id,
        reason,
        row_json,
        observed_at
    from {{ ref('stg_quarantine') }}
    where
        contract = 'token_prices'
        and (
            {{ matches('reason', no_price) }}
            or {{ matches('reason', wrong_unit) }}
        )

),

-- A row that was there and could not be believed. One without a component speaks for all of the model.
rejects as (

    select
        source_id,
        json_extract_string(row_json, '$.host_raw') as host_raw,
        json_extract_string(row_json, '$.model_raw') as model_raw,
        json_extract_string(row_json, '$.component') as component,
        case when {{ matches('reason', no_price) }} then 'no price' else 'unit' end as kind,
        min(observed_at) as first_at,
        max(observed_at) as last_at
    from quarantine
    group by 1, 2, 3, 4, 5

),

told as (

    select
        spells.*,
        row_number() over series as place,
        lag(spells.usd_amount) over series as lag_usd,
        lag(spells.last_seen_at) over series as lag_seen_at,
        lag(spells.next_read_at) over series as lag_missed_at,
        lag(spells.context_tokens) over series as lag_context_tokens,
        lag(spells.effective_from) over series as lag_effective_from,
        lag(spells.effective_to) over series as lag_effective_to,
        lead(spells.first_seen_at) over series as following_at
    from spells
    window series as (
        partition by {{ columns_of('spells', line) }}
        order by spells.first_seen_at, spells.spell_number
    )

),

-- A price goes on through weeks in which its line was out of sight, as long as no other came between.
numbered as (

    select
        told.*,
        sum(cast(coalesce(told.lag_usd != told.usd_amount, true) as integer)) over (
            partition by {{ columns_of('told', line) }}
            order by told.first_seen_at, told.spell_number
            rows between unbounded preceding and current row
        ) as price_number
    from told

),

dated as (

    select
        numbered.*,
        min(numbered.first_seen_at) over price as since_at,
        max(numbered.last_seen_at) over price as until_at,
        arg_min(coalesce(numbered.lag_usd, -1), numbered.place) over price as usd_before
    from numbered
    window price as (partition by {{ columns_of('numbered', line) }}, numbered.price_number)

),

placed as (

    select
        dated.*,
        lag(dated.since_at) over series as lag_since_at,
        lag(dated.price_number) over series as lag_price_number,
        lag(dated.usd_before) over series as lag_usd_before
    from dated
    window series as (
        partition by {{ columns_of('dated', line) }}
        order by dated.place
    )

),

steps as (

    select
        placed.source_id,
        placed.series_key,
        {{ columns_of('placed', line[1:]) }},
        placed.host_id,
        case
            when placed.place = 1 then 'seen'
            when placed.first_seen_at > placed.lag_missed_at then 'back'
            else 'price'
        end as step_kind,
        placed.first_seen_at as step_at,
        -- Where the source says from when a price held, it changed then, not when somebody noticed.
        coalesce(cast(placed.effective_from as date), cast(placed.first_seen_at as date)) as step_date,
        placed.lag_usd as previous_usd,
        placed.usd_amount as next_usd,
        nullif(placed.lag_usd_before, -1) as before_previous_usd,
        placed.lag_since_at as previous_since_at,
        placed.lag_price_number as previous_number,
        placed.lag_seen_at as previous_seen_at,
        case when placed.first_seen_at > placed.lag_missed_at then placed.lag_missed_at end as missed_at,
        cast(null as timestamp) as back_at,
        placed.until_at as next_seen_at,
        placed.lag_effective_from as previous_effective_from,
        placed.lag_effective_to as previous_effective_to,
        placed.lag_context_tokens as previous_context_tokens,
        placed.context_tokens as next_context_tokens,
        placed.reading_scope,
        placed.evidence,
        placed.payload_ref
    from placed
    where
        placed.place = 1
        or placed.lag_usd != placed.usd_amount
        or placed.first_seen_at > placed.lag_missed_at
    union all
    select
        placed.source_id,
        placed.series_key,
        {{ columns_of('placed', line[1:]) }},
        placed.host_id,
        'gone' as step_kind,
        placed.next_read_at as step_at,
        cast(placed.next_read_at as date) as step_date,
        placed.usd_amount as previous_usd,
        null as next_usd,
        nullif(placed.usd_before, -1) as before_previous_usd,
        placed.since_at as previous_since_at,
        placed.price_number as previous_number,
        placed.last_seen_at as previous_seen_at,
        placed.next_read_at as missed_at,
        placed.following_at as back_at,
        null as next_seen_at,
        placed.effective_from as previous_effective_from,
        placed.effective_to as previous_effective_to,
        placed.context_tokens as previous_context_tokens,
        null as next_context_tokens,
        placed.reading_scope,
        placed.evidence,
        placed.payload_ref
    from placed
    where
        placed.next_read_at is not null
        and coalesce(placed.following_at > placed.next_read_at, true)

),

-- What stood in the place of the price where it went, or before it was first seen.
rejected as (

    select
        steps.source_id,
        steps.series_key,
        steps.step_at,
        steps.step_kind,
        max(rejects.kind) as rejected_kind
    from steps
    inner join rejects
        on
            steps.source_id = rejects.source_id
            and steps.host_raw = rejects.host_raw
            and steps.model_raw = rejects.model_raw
            and steps.component = coalesce(rejects.component, steps.component)
            and case steps.step_kind
                when 'seen' then steps.step_at > rejects.first_at
                else steps.missed_at between rejects.first_at and rejects.last_at
            end
    where steps.step_kind != 'price'
    group by 1, 2, 3, 4

),

named as (

    select
        steps.*,
        rejected.rejected_kind,
        models_now.model_id,
        models_then.model_id as previous_model_id,
        models.lab_id,
        models.is_open_weights,
        first_readings.first_read_at,
        publishers.provider_id is not null as is_first_hand,
        coalesce(
            steps.previous_usd > 0 and steps.next_usd > 0 and steps.previous_usd != steps.next_usd, false
        ) as is_move
    from steps
    inner join sources
        on steps.source_id = sources.source_id
    left join first_readings
        on
            steps.source_id = first_readings.source_id
            and steps.reading_scope = first_readings.reading_scope
    left join publishers
        on
            {{ name_letters('sources.publisher') }} = publishers.alias
            and steps.host_id = publishers.provider_id
    left join rejected
        on
            steps.source_id = rejected.source_id
            and steps.series_key = rejected.series_key
            and steps.step_at = rejected.step_at
            and steps.step_kind = rejected.step_kind
    left join model_names as models_now
        on
            steps.source_id = models_now.source_id
            and steps.host_raw = models_now.host_raw
            and steps.model_raw = models_now.model_raw
            and steps.step_at >= models_now.valid_from
            and steps.step_at < models_now.valid_to
    left join model_names as models_then
        on
            steps.source_id = models_then.source_id
            and steps.host_raw = models_then.host_raw
            and steps.model_raw = models_then.model_raw
            and steps.previous_since_at >= models_then.valid_from
            and steps.previous_since_at < models_then.valid_to
    left join models
        on models_now.model_id = models.model_id

),

final as (

    select
        named.source_id,
        named.series_key,
        named.step_at,
        named.step_kind,
        named.step_date,
        {{ columns_of('named', line[1:]) }},
        named.host_id,
        named.model_id,
        named.lab_id,
        named.previous_usd,
        named.next_usd,
        named.is_move,
        case when named.is_move then cast(named.previous_usd as double) end as previous_price,
        case when named.is_move then cast(named.next_usd as double) end as next_price,
        case when named.is_move then cast(named.next_usd as double) / cast(named.previous_usd as double) end
            as ratio,
        case when named.is_move then {{ decimals_of('named.previous_usd') }} end as previous_decimals,
        case when named.is_move then {{ decimals_of('named.next_usd') }} end as next_decimals,
        named.before_previous_usd,
        named.previous_since_at,
        named.previous_number,
        named.previous_since_at = named.first_read_at as is_previous_of_first_reading,
        named.step_at = named.first_read_at as is_first_reading,
        named.previous_seen_at,
        named.missed_at,
        named.back_at,
        named.next_seen_at,
        named.rejected_kind,
        named.previous_effective_from,
        named.previous_effective_to,
        named.previous_model_id,
        named.previous_context_tokens,
        named.next_context_tokens,
        named.is_first_hand,
        named.host_id = named.lab_id as is_maker,
        named.is_open_weights,
        named.evidence,
        named.payload_ref
    from named

)

select * from final
