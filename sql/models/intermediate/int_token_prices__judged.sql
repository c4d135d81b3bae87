{#- Below a rise of 60 % and a fall of 60 % only evidence of the series itself holds a step back. -#}
{%- set is_large = "(steps.ratio >= 1.6 or steps.ratio <= 0.4)" %}
{%- set is_huge = "(steps.ratio >= 8 or steps.ratio <= 0.125)" %}
{#- The first price of an entry that somebody other than the seller made. -#}
{%- set is_new_entry -%}
    (
        not steps.is_first_hand
        and not steps.is_previous_of_first_reading
        and not steps.is_renamed
        and steps.previous_number = 1
    )
{%- endset %}
{#- Which of two figures is in the wrong unit shows when the new one lasts, or was there before,
    or when somebody else asks it. -#}
{%- set is_settled -%}
    (
        steps.next_seen_at - steps.step_at >= interval '14' day
        or coalesce(steps.before_previous_usd = steps.next_usd, false)
        or steps.next_seller_count > 0
        or steps.seller_says_next
    )
{%- endset %}
{%- set longest_gap_days = var('carry_days_listed') %}
{%- set seconds_of_day = 86400.0 %}
{%- set series = ['source_id', 'series_key'] %}
{%- set line = [
    'host_raw', 'model_raw', 'component', 'unit', 'service_tier', 'utc_window', 'min_context_tokens',
    'quantization',
] %}
{%- set said_elsewhere = [
    'seller_said_previous', 'seller_says_previous', 'seller_says_next', 'seller_said_next_before',
    'maker_said_previous', 'maker_says_next', 'maker_said_next_before', 'is_power_of_ten_of_maker',
    'previous_seller_count', 'next_seller_count', 'next_seller_before_count', 'other_seller_count',
    'others_median_usd', 'unrounded_seller_count', 'is_renamed', 'is_outgrown',
] %}
{%- set stood_beside = [
    'same_factor_count', 'same_previous_count', 'next_price_count', 'is_most_of_seller', 'is_same_rounded',
    'is_cut_to_cents', 'rounded_series_count', 'is_other_row', 'is_as_other_cache', 'input_usd_before',
    'input_usd_after',
] %}

with

found as (

    select * from {{ ref('int_token_prices__steps') }}

),

elsewhere as (

    select * from {{ ref('int_token_prices__elsewhere') }}

),

beside as (

    select * from {{ ref('int_token_prices__beside') }}

),

rules as (

    select * from {{ ref('step_rules') }}

),

steps as (

    select
        found.*,
        {{ columns_of('elsewhere', said_elsewhere) }},
        {{ columns_of('beside', stood_beside) }},
        date_diff('second', found.previous_since_at, found.step_at)
        / {{ seconds_of_day }} as previous_days,
        date_diff(
            'second', found.missed_at, coalesce(found.back_at, found.step_at)
        ) / {{ seconds_of_day }} as gap_days,
        found.step_kind in ('price', 'back')
        and found.previous_usd != found.next_usd as is_step_of_price
    from found
    left join elsewhere
        on
            found.source_id = elsewhere.source_id
            and found.series_key = elsewhere.series_key
            and found.step_at = elsewhere.step_at
    left join beside
        on
            found.source_id = beside.source_id
            and found.series_key = beside.series_key
            and found.step_at = beside.step_at

),

ruled as (

    select
        steps.*,
        case
            when steps.step_kind = 'seen' and steps.rejected_kind = 'unit' then 'rejected_unit'
            when steps.step_kind = 'seen' and steps.rejected_kind is not null then 'price_stated'
            when steps.step_kind = 'seen' and steps.is_first_reading then 'first_reading'
            when steps.step_kind = 'seen' then 'first_seen'
            when steps.step_kind = 'gone' and steps.rejected_kind = 'unit' then 'rejected_unit'
            when steps.step_kind = 'gone' and steps.rejected_kind is not null then 'no_price_stated'
            when
                steps.step_kind = 'gone'
                and steps.back_at is not null
                and steps.gap_days <= {{ longest_gap_days }}
                then 'out_of_sight'
            when steps.step_kind = 'gone' then 'not_listed'
            when not steps.is_step_of_price and steps.rejected_kind = 'unit' then 'rejected_unit'
            when not steps.is_step_of_price and steps.rejected_kind is not null then 'price_stated'
            when
                steps.step_kind = 'back'
                and steps.rejected_kind is null
                and steps.gap_days > {{ longest_gap_days }}
                then 'listed_again'
            when not steps.is_step_of_price then 'back_in_sight'
            -- From here on two prices that differ.
            when
                steps.previous_model_id is not null
                and (steps.previous_model_id is distinct from steps.model_id)
                then 'other_product'
            when steps.is_outgrown then 'other_product'
            when {{ matches('steps.model_raw', "'(^|/)(auto|auto-?router|router|route-llm|.*-router)$'") }}
                then 'router'
            when
                {{ matches('steps.model_raw', "'[-_/@:]latest$'") }}
                and (
                    steps.next_context_tokens >= 1.5 * steps.previous_context_tokens
                    or steps.previous_context_tokens >= 1.5 * steps.next_context_tokens
                )
                then 'other_context'
            when
                steps.previous_effective_to is not null
                and steps.next_usd > steps.previous_usd
                and (
                    abs(steps.before_previous_usd / steps.next_usd - 1) <= 0.01
                    or (
                        steps.previous_number = 1
                        and steps.previous_effective_to - steps.previous_effective_from <= interval '120' day
                    )
                )
                then 'dated_promotion'
            when 0 in (steps.previous_usd, steps.next_usd)
                then
                    case
                        when steps.before_previous_usd = steps.next_usd and steps.previous_days <= 14
                            then 'free_for_days'
                        when steps.previous_usd = 0 then 'free_ended'
                        else 'free_began'
                    end
            when
                {{ is_new_entry }}
                and steps.same_previous_count >= 5
                and steps.next_price_count >= 3
                and steps.is_most_of_seller
                then 'placeholder'
            when {{ is_huge }} and steps.same_factor_count >= 3
                then case when {{ is_settled }} then 'same_factor' else 'same_factor_off' end
            when {{ is_power_of_ten('steps.ratio', 10) }}
                then
                    case
                        when steps.seller_says_previous and not steps.seller_says_next then 'power_of_ten_off'
                        when steps.previous_seller_count > 0 then 'price_changed'
                        when {{ is_settled }} then 'power_of_ten'
                        when not steps.seller_says_previous then 'power_of_ten_off'
                        else 'price_changed'
                    end
            when
                {{ is_huge }}
                and steps.is_power_of_ten_of_maker
                and not steps.maker_said_previous
                and steps.previous_seller_count = 0
                then 'power_of_ten'
            when
                steps.component = 'cache_read'
                and steps.previous_usd > steps.input_usd_before
                and steps.next_usd <= coalesce(steps.input_usd_after, steps.input_usd_before)
                then 'cache_above_input'
            when {{ is_large }} and steps.is_as_other_cache then 'mixed_up_cache'
            when
                {{ is_large }}
                and steps.seller_says_next
                and steps.seller_said_next_before
                and not steps.seller_said_previous
                and (steps.is_maker or steps.previous_seller_count = 0)
                then 'seller_elsewhere'
            when
                {{ is_large }}
                and not steps.is_open_weights
                and case
                    when steps.is_maker
                        then
                            (
                                steps.next_seller_count >= 2
                                and steps.previous_seller_count = 0
                                and not steps.seller_said_previous
                            )
                            or (
                                {{ is_new_entry }}
                                and steps.next_seller_before_count >= 3
                                and steps.next_seller_count > 2 * steps.previous_seller_count
                            )
                    else
                        steps.maker_says_next
                        and steps.maker_said_next_before
                        and not steps.maker_said_previous
                end
                then 'maker_elsewhere'
            when
                {{ is_huge }}
                and steps.other_seller_count >= 2
                and steps.previous_seller_count = 0
                and not steps.seller_said_previous
                and abs(ln(cast(steps.previous_usd as double) / steps.others_median_usd)) >= ln(8)
                and abs(ln(cast(steps.next_usd as double) / steps.others_median_usd)) <= ln(2.5)
                then 'off_market'
            when {{ is_huge }} and steps.is_other_row then 'other_row'
            when
                not steps.is_first_hand
                and steps.before_previous_usd = steps.next_usd
                and steps.previous_days <= 14
                then 'came_back'
            when
                {{ is_new_entry }}
                and (
                    ({{ is_large }} and steps.previous_days <= 5 and steps.previous_seller_count = 0)
                    or (
                        not steps.is_open_weights
                        and steps.previous_days <= 14
                        and steps.next_seller_before_count >= 3
                        and steps.next_seller_count > 2 * steps.previous_seller_count
                    )
                )
                then 'early_slip'
            when {{ is_new_entry }} and steps.previous_days <= 2 then 'entry_slip'
            when
                not steps.is_first_hand
                and not steps.is_previous_of_first_reading
                and steps.previous_days < 1
                then 'entry_slip'
            when
                steps.unrounded_seller_count >= 2
                or abs(steps.ratio - 1) <= 0.002
                or (
                    steps.is_same_rounded
                    and steps.rounded_series_count >= 3
                    and abs(steps.ratio - 1) <= 0.06
                )
                or (
                    steps.is_cut_to_cents
                    and (steps.rounded_series_count >= 3 or abs(steps.ratio - 1) <= 0.01)
                )
                then 'rounding'
            else 'price_changed'
        end as own_rule_id
    from steps

),

led as (

    select
        ruled.*,
        lead(ruled.own_rule_id) over prices as next_rule_id,
        lag(ruled.own_rule_id) over prices as last_rule_id,
        lead(ruled.step_at) over prices as next_price_at,
        lead(ruled.step_at) over line as next_until_at
    from ruled
    window
        line as (partition by {{ columns_of('ruled', series) }} order by ruled.step_at),
        -- Going out of sight and coming back lies between the steps of a price and is none.
        prices as (
            partition by {{ columns_of('ruled', series) }}, ruled.is_step_of_price
            order by ruled.step_at
        )

),

-- A step into a price that the next step shows to be wrong, or sets aside, is of that step's kind, and so is
-- one out of a price that the step before shows to be wrong.
final as (

    select
        led.source_id,
        led.series_key,
        led.step_at,
        led.step_date,
        {{ columns_of('led', line) }},
        led.host_id,
        led.model_id,
        led.previous_usd,
        led.next_usd,
        led.is_step_of_price,
        led.previous_since_at,
        led.previous_seen_at,
        led.previous_days,
        led.gap_days,
        led.next_price_at,
        led.next_until_at,
        date_diff('second', led.step_at, led.next_until_at) / {{ seconds_of_day }} as next_days,
        led.own_rule_id,
        coalesce(next_rules.rule_id, last_rules.rule_id, led.own_rule_id) as rule_id,
        next_rules.rule_id is not null as is_way_in,
        next_rules.rule_id is null and last_rules.rule_id is not null as is_way_out,
        led.rejected_kind,
        led.same_factor_count,
        led.other_seller_count,
        led.others_median_usd,
        led.previous_seller_count,
        led.next_seller_count,
        led.seller_says_previous,
        led.seller_says_next,
        led.evidence,
        led.payload_ref
    from led
    left join rules as own_rules
        on led.own_rule_id = own_rules.rule_id
    left join rules as next_rules
        on
            led.next_rule_id = next_rules.rule_id
            and (next_rules.is_previous_wrong or next_rules.rule_id = 'dated_promotion')
            and led.is_step_of_price
            and (own_rules.step_class = 'change' or own_rules.is_next_wrong)
    left join rules as last_rules
        on
            led.last_rule_id = last_rules.rule_id
            and last_rules.is_next_wrong
            and led.is_step_of_price
            and own_rules.step_class = 'change'

)

select * from final
