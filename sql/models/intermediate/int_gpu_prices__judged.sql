{#- A step may be judged anew as long as what follows can still explain it. -#}
{%- set open_days = 45 %}
{#- A price last seen longer ago is no price to compare with. -#}
{%- set look_back_days = 400 %}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where step_date >= date '{{ rebuild_from('gpu_offers', 'step_date') }}' - " ~ open_days ~ "{% endif %}",
    )
}}

{%- set reopened = "date '" ~ rebuild_from('gpu_offers', 'step_date') ~ "' - " ~ open_days %}
{%- set longest_gap_days = var('carry_days_listed') %}
{%- set series = ['source_id', 'offer_key'] %}
{#- Which of two figures is in the wrong unit shows when the new one lasts, or was there before. -#}
{%- set is_settled = "(steps.next_stood_days >= 14 or coalesce(steps.amount_before = steps.amount, false))" %}
{#- Events of a series that the judgement of its next one can ask for. -#}
{%- set events_before = 6 %}

with

events as (

    select * from {{ ref('int_gpu_prices__events') }}
    {% if is_incremental() %}
    where event_date >= {{ reopened }} - {{ look_back_days }}
    {% endif %}

),

rules as (

    select * from {{ ref('step_rules') }}

),

read_days as (

    select distinct
        source_id,
        reading_scope,
        read_date
    from {{ ref('int_readings__current') }}
    where contract = 'gpu_offers'

),

readings as (

    select
        read_days.*,
        lag(read_days.read_date) over scope as last_read_date,
        min(read_days.read_date) over scope as first_read_date
    from read_days
    window scope as (partition by read_days.source_id, read_days.reading_scope order by read_days.read_date)

),

-- An offer is gone on the first day on which its source was read and did not show it.
missed as (

    select
        events.*,
        case when events.is_end then readings.read_date end as missed_date
    from events
    left join readings
        on
            events.source_id = readings.source_id
            and events.reading_scope = readings.reading_scope
            and events.event_date <= readings.read_date
            and events.event_date > coalesce(readings.last_read_date, date '0001-01-01')

),

{% if is_incremental() -%}
touched as (

    select distinct
        source_id,
        offer_key
    from missed
    where greatest(event_date, coalesce(missed_date, event_date)) >= {{ reopened }}

),

known as (

    select missed.*
    from missed
    inner join touched
        on
            missed.source_id = touched.source_id
            and missed.offer_key = touched.offer_key
    qualify
        missed.event_date >= {{ reopened }}
        or row_number() over (
            partition by missed.source_id, missed.offer_key, missed.event_date < {{ reopened }}
            order by missed.event_date desc
        ) <= {{ events_before }}

),
{%- else -%}
known as (

    select * from missed

),
{%- endif %}

neighboured as (

    select
        known.*,
        lag(known.is_end) over line as lag_is_end,
        lag(known.event_date) over line as lag_date,
        lag(known.missed_date) over line as lag_missed_date,
        lag(known.amount) over line as lag_amount,
        lag(known.usd_per_gpu_hour) over line as lag_usd,
        lag(known.gpu_id) over line as lag_gpu_id,
        lag(known.gpu_count) over line as lag_gpu_count,
        lag(known.last_observed_at) over line as lag_observed_at,
        lead(known.event_date) over line as lead_date,
        lag(known.event_date) over kind as lag_start_date,
        lag(known.amount, 2) over kind as amount_before
    from known
    window
        line as (partition by {{ columns_of('known', series) }} order by known.event_date),
        kind as (partition by {{ columns_of('known', series) }}, known.is_end order by known.event_date)

),

steps as (

    select
        neighboured.*,
        case
            when neighboured.is_end then 'gone'
            when coalesce(neighboured.event_date - neighboured.lag_date > {{ look_back_days }}, true)
                then 'seen'
            when neighboured.lag_is_end and neighboured.lag_missed_date < neighboured.event_date then 'back'
            else 'price'
        end as step_kind,
        case when neighboured.is_end then neighboured.missed_date else neighboured.event_date end
            as step_date,
        neighboured.amount / neighboured.gpu_count
        / nullif(neighboured.lag_amount / neighboured.lag_gpu_count, 0) as ratio,
        neighboured.amount != neighboured.lag_amount as is_other_amount,
        neighboured.price_statistic != 'offer'
        or neighboured.purchase_type in ('spot', 'community')
        or coalesce(neighboured.segment = 'marketplace', false) as is_market_ask,
        {{ decimals_of('neighboured.lag_amount') }} as previous_decimals,
        {{ decimals_of('neighboured.amount') }} as next_decimals,
        coalesce(neighboured.lead_date, {{ as_of_date() }}) - neighboured.event_date as next_stood_days,
        cast(neighboured.lag_amount as double) as previous_price,
        cast(neighboured.amount as double) as next_price
    from neighboured

),

counted as (

    select
        steps.source_id,
        steps.provider_raw,
        steps.step_date,
        cast(round(ln(steps.ratio) * 50) as integer) as factor,
        count(distinct steps.gpu_raw) as product_count
    from steps
    where steps.step_kind in ('price', 'back') and steps.is_other_amount
    group by 1, 2, 3, 4

),

ruled as (

    select
        steps.*,
        coalesce(counted.product_count, 0) as same_factor_count,
        steps.is_other_amount and steps.step_kind in ('price', 'back') as is_step_of_price,
        case
            when steps.step_kind = 'seen' and steps.event_date = readings.first_read_date then 'first_reading'
            when steps.step_kind = 'seen' then 'first_seen'
            when steps.step_kind = 'gone' and steps.lead_date - steps.step_date <= {{ longest_gap_days }}
                then 'out_of_sight'
            when steps.step_kind = 'gone' then 'not_listed'
            when
                steps.step_kind = 'back'
                and steps.event_date - steps.lag_missed_date > {{ longest_gap_days }}
                then 'listed_again'
            when not steps.is_other_amount then 'back_in_sight'
            -- From here on two prices that differ.
            when (steps.gpu_id is distinct from steps.lag_gpu_id) or steps.gpu_count != steps.lag_gpu_count
                then 'other_product'
            when
                not steps.is_market_ask
                and counted.product_count >= 3
                and (steps.ratio >= 8 or steps.ratio <= 0.125)
                then case when {{ is_settled }} then 'same_factor' else 'same_factor_off' end
            -- On a market a tenth is an ask like others; a hundredth is a slip.
            when
                (not steps.is_market_ask and {{ is_power_of_ten('steps.ratio', 10) }})
                or {{ is_power_of_ten('steps.ratio', 100) }}
                then case when {{ is_settled }} then 'power_of_ten' else 'power_of_ten_off' end
            when
                not steps.is_market_ask
                and steps.amount_before = steps.amount
                and steps.event_date - steps.lag_start_date <= 14
                then 'came_back'
            when
                not steps.is_market_ask
                and (
                    abs(steps.ratio - 1) <= 0.002
                    or ({{ is_same_rounded('steps') }} and abs(steps.ratio - 1) <= 0.01)
                )
                then 'rounding'
            else 'price_changed'
        end as own_rule_id
    from steps
    left join counted
        on
            steps.source_id = counted.source_id
            and steps.provider_raw = counted.provider_raw
            and steps.step_date = counted.step_date
            and cast(round(ln(steps.ratio) * 50) as integer) = counted.factor
    left join readings
        on
            steps.source_id = readings.source_id
            and steps.reading_scope = readings.reading_scope
            and steps.event_date = readings.read_date
    where
        case steps.step_kind
            when 'gone'
                then
                    steps.step_date < coalesce(steps.lead_date, date '9999-12-31')
                    and steps.step_date - steps.event_date <= {{ look_back_days }}
            when 'price' then steps.is_other_amount
            else true
        end

),

led as (

    select
        ruled.*,
        lead(ruled.own_rule_id) over prices as next_rule_id,
        lag(ruled.own_rule_id) over prices as last_rule_id,
        lead(ruled.step_date) over prices as next_price_date,
        lag(ruled.step_date) over prices as last_price_date,
        lead(ruled.step_date) over line as next_step_date
    from ruled
    window
        line as (partition by {{ columns_of('ruled', series) }} order by ruled.step_date),
        -- Going out of sight and coming back lies between the steps of a price and is none.
        prices as (
            partition by {{ columns_of('ruled', series) }}, ruled.is_step_of_price
            order by ruled.step_date
        )

),

final as (

    select
        led.source_id,
        led.offer_key as series_key,
        led.step_date,
        led.step_kind,
        led.provider_raw,
        led.provider_id,
        led.segment,
        led.gpu_raw,
        led.gpu_id,
        led.purchase_type,
        led.is_market_ask,
        case
            when led.step_kind = 'gone' then led.usd_per_gpu_hour
            when led.step_kind != 'seen' then led.lag_usd
        end as previous_usd,
        case when led.step_kind != 'gone' then led.usd_per_gpu_hour end as next_usd,
        led.is_step_of_price,
        case
            when led.step_kind = 'gone' then led.lag_date
            when led.step_kind != 'seen' and led.event_date - led.lag_start_date <= {{ look_back_days }}
                then led.lag_start_date
        end as previous_since_date,
        case
            when led.step_kind = 'gone' then led.last_observed_at
            when led.step_kind != 'seen' then led.lag_observed_at
        end as previous_seen_at,
        case
            when led.step_kind = 'gone' then led.lead_date - led.step_date
            when led.step_kind = 'back' then led.event_date - led.lag_missed_date
        end as gap_days,
        -- Beyond the days in which a step is open a later one no longer comes back to it.
        case when led.next_step_date - led.step_date <= {{ open_days }} then led.next_step_date end
            as next_until_date,
        case when led.next_price_date - led.step_date <= {{ open_days }} then led.next_price_date end
            as next_price_date,
        cast(led.same_factor_count as integer) as same_factor_count,
        coalesce(next_rules.rule_id, last_rules.rule_id, led.own_rule_id) as rule_id,
        next_rules.rule_id is not null as is_way_in,
        next_rules.rule_id is null and last_rules.rule_id is not null as is_way_out,
        led.evidence,
        led.payload_ref
    from led
    left join rules as next_rules
        on
            led.next_rule_id = next_rules.rule_id
            and next_rules.is_previous_wrong
            and led.own_rule_id in ('price_changed', 'same_factor_off', 'power_of_ten_off')
            and led.next_price_date - led.step_date <= {{ open_days }}
    left join rules as last_rules
        on
            led.last_rule_id = last_rules.rule_id
            and last_rules.is_next_wrong
            and led.own_rule_id = 'price_changed'
            and led.step_date - led.last_price_date <= {{ open_days }}
    {% if is_incremental() %}
    where led.step_date >= {{ reopened }}
    {% endif %}

)

select * from final
