{%- set line = [
    'source_id', 'host_raw', 'model_raw', 'component', 'unit', 'service_tier', 'utc_window',
    'min_context_tokens', 'quantization',
] %}
{#- Reasons of the quarantine. -#}
{%- set no_price = "'^(0|a price of 0|extends )'" %}
{%- set wrong_unit = "'unit error|cheaper than one of its characters'" %}
{#- What may be compared between sellers: the same tokens at the same terms. -#}
{%- set good = ['model_id', 'component', 'unit', 'service_tier', 'utc_window', 'min_context_tokens'] %}

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
        placed.spell_number,
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
        placed.spell_number,
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
            and coalesce(rejects.component, steps.component) = steps.component
            and case steps.step_kind
                when 'seen' then rejects.first_at < steps.step_at
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
        coalesce(steps.previous_usd > 0 and steps.next_usd > 0 and steps.previous_usd != steps.next_usd, false)
            as is_move
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

moves as (

    select
        named.*,
        cast(named.previous_usd as double) as previous_price,
        cast(named.next_usd as double) as next_price,
        cast(named.next_usd as double) / cast(named.previous_usd as double) as ratio,
        {{ decimals_of('named.previous_usd') }} as previous_decimals,
        {{ decimals_of('named.next_usd') }} as next_decimals
    from named
    where named.is_move

),

-- Prices and the time each may be taken to have stood, for all sellers of a good.
asks as (

    select
        spells.source_id,
        spells.host_id,
        model_names.model_id,
        {{ columns_of('spells', good[1:]) }},
        cast(spells.usd_amount as double) as price,
        spells.first_seen_at,
        least(
            coalesce(spells.next_read_at, timestamp '9999-12-31'),
            spells.last_seen_at + interval '{{ var("carry_days_listed") }}' day
        ) as until_at
    from spells
    inner join model_names
        on
            spells.source_id = model_names.source_id
            and spells.host_raw = model_names.host_raw
            and spells.model_raw = model_names.model_raw
            and spells.first_seen_at >= model_names.valid_from
            and spells.first_seen_at < model_names.valid_to
    where
        spells.host_id is not null
        and model_names.model_id is not null
        and spells.usd_amount > 0

),

-- The old price is older than its series: the reading that began the series ended another one of the same model
-- at the same price. The entry was renamed.
renamed as (

    select distinct
        moves.source_id,
        moves.series_key,
        moves.step_at
    from moves
    inner join asks
        on
            {% for column in good %}
            moves.{{ column }} = asks.{{ column }} and
            {% endfor %}
            moves.source_id = asks.source_id
            and moves.host_id = asks.host_id
            and moves.previous_price = asks.price
            and moves.previous_since_at = asks.until_at

),

-- Every other word on the price of the same good up to the step. What stood for two days or less was a slip
-- itself and backs nothing.
heard as (

    select
        moves.source_id,
        moves.series_key,
        moves.step_at,
        moves.previous_price,
        moves.next_price,
        moves.previous_decimals,
        moves.next_decimals,
        asks.host_id,
        asks.price,
        asks.host_id = moves.host_id and asks.source_id != moves.source_id as is_same_seller,
        asks.host_id != moves.host_id as is_other_seller,
        asks.host_id = moves.lab_id and moves.host_id != moves.lab_id as is_maker,
        asks.until_at > moves.step_at as is_standing,
        -- A new model's price reaches the lists within days.
        asks.first_seen_at <= moves.previous_since_at + interval '5' day
        and asks.until_at > moves.previous_since_at as stood_before,
        abs(asks.price / moves.previous_price - 1) <= 0.02
        and asks.until_at - asks.first_seen_at > interval '2' day as says_previous,
        abs(asks.price / moves.next_price - 1) <= 0.02 as says_next
    from moves
    inner join asks
        on
            {% for column in good %}
            moves.{{ column }} = asks.{{ column }} and
            {% endfor %}
            moves.step_at >= asks.first_seen_at
    where asks.host_id != moves.host_id or asks.source_id != moves.source_id

),

compared as (

    select
        heard.source_id,
        heard.series_key,
        heard.step_at,
        bool_or(heard.is_same_seller and heard.says_previous) as seller_said_previous,
        bool_or(heard.is_same_seller and heard.says_previous and heard.is_standing) as seller_says_previous,
        bool_or(heard.is_same_seller and heard.says_next and heard.is_standing) as seller_says_next,
        bool_or(heard.is_same_seller and heard.says_next and heard.stood_before) as seller_said_next_before,
        bool_or(heard.is_maker and heard.says_previous) as maker_said_previous,
        bool_or(heard.is_maker and heard.says_next and heard.is_standing) as maker_says_next,
        bool_or(heard.is_maker and heard.says_next and heard.stood_before) as maker_said_next_before,
        bool_or(
            heard.is_maker
            and heard.is_standing
            and {{ is_power_of_ten('(heard.previous_price / heard.price)', 10) }}
        ) as is_power_of_ten_of_maker,
        count(distinct case when heard.is_other_seller and heard.says_previous then heard.host_id end)
            as previous_seller_count,
        count(distinct case when heard.is_other_seller and heard.says_next and heard.is_standing then heard.host_id end)
            as next_seller_count,
        count(distinct case when heard.is_other_seller and heard.says_next and heard.stood_before then heard.host_id end)
            as next_seller_before_count,
        count(distinct case when heard.is_other_seller and heard.is_standing then heard.host_id end)
            as other_seller_count,
        {{ median('case when heard.is_other_seller and heard.is_standing then heard.price end') }}
            as others_median_usd,
        count(
            distinct
            case
                when
                    heard.is_standing
                    and {{ is_rounded('heard.price', 'heard.previous_price', 'heard.previous_decimals') }}
                    and {{ is_rounded('heard.price', 'heard.next_price', 'heard.next_decimals') }}
                    then heard.host_id
            end
        ) as unrounded_seller_count
    from heard
    group by 1, 2, 3

),

-- The model's other prices in the reading before, and its input price in the reading of the step.
beside as (

    select
        moves.source_id,
        moves.series_key,
        moves.step_at,
        bool_or(
            moves.component in ('cache_read', 'cache_write')
            and siblings.component in ('cache_read', 'cache_write')
            and siblings.usd_amount = moves.previous_usd
            and moves.previous_seen_at between siblings.first_seen_at and siblings.last_seen_at
        ) as is_as_other_cache,
        max(siblings.usd_amount) filter (
            where
                siblings.component = 'input'
                and moves.previous_seen_at between siblings.first_seen_at and siblings.last_seen_at
        ) as input_usd_before,
        max(siblings.usd_amount) filter (
            where
                siblings.component = 'input'
                and moves.step_at between siblings.first_seen_at and siblings.last_seen_at
        ) as input_usd_after
    from moves
    inner join spells as siblings
        on
            moves.source_id = siblings.source_id
            and moves.host_raw = siblings.host_raw
            and moves.model_raw = siblings.model_raw
            and moves.component != siblings.component
            and moves.unit = siblings.unit
            and moves.service_tier = siblings.service_tier
            and moves.utc_window = siblings.utc_window
            and moves.min_context_tokens = siblings.min_context_tokens
            and moves.quantization = siblings.quantization
    where moves.component in ('cache_read', 'cache_write')
    group by 1, 2, 3

),

-- Input and output of the model stood exactly as those of another model of the seller do, before and after.
other_rows as (

    select distinct
        moves.source_id,
        moves.series_key,
        moves.step_at
    from moves
    inner join spells as twins
        on
            moves.source_id = twins.source_id
            and moves.host_raw = twins.host_raw
            and moves.model_raw != twins.model_raw
            and moves.component = twins.component
            and moves.previous_usd = twins.usd_amount
            and moves.previous_seen_at between twins.first_seen_at and twins.last_seen_at
            and moves.step_at between twins.first_seen_at and twins.last_seen_at
    inner join spells as twin_others
        on
            twins.source_id = twin_others.source_id
            and twins.host_raw = twin_others.host_raw
            and twins.model_raw = twin_others.model_raw
            and twins.service_tier = twin_others.service_tier
            and twins.min_context_tokens = twin_others.min_context_tokens
            and moves.previous_seen_at between twin_others.first_seen_at and twin_others.last_seen_at
    inner join spells as others
        on
            moves.source_id = others.source_id
            and moves.host_raw = others.host_raw
            and moves.model_raw = others.model_raw
            and moves.service_tier = others.service_tier
            and moves.min_context_tokens = others.min_context_tokens
            and twin_others.component = others.component
            and twin_others.usd_amount = others.usd_amount
            and moves.previous_seen_at between others.first_seen_at and others.last_seen_at
    where
        (moves.ratio >= 8 or moves.ratio <= 0.125)
        and moves.component in ('input', 'output')
        and others.component in ('input', 'output')
        and moves.component != others.component
        and moves.previous_usd != others.usd_amount
        and moves.service_tier = twins.service_tier
        and moves.min_context_tokens = twins.min_context_tokens

),

-- What one reading did to the other prices of the seller.
factors as (

    select
        source_id,
        host_raw,
        step_at,
        cast(round(ln(ratio) * 50) as integer) as factor,
        count(distinct model_raw) as model_count
    from moves
    group by 1, 2, 3, 4

),

shared as (

    select
        source_id,
        host_raw,
        step_at,
        component,
        previous_usd,
        count(distinct model_raw) as model_count,
        count(distinct next_usd) as next_count,
        count(distinct model_raw) >= 0.5 * sum(count(distinct model_raw)) over (
            partition by source_id, host_raw, step_at, component
        ) as is_most
    from moves
    group by 1, 2, 3, 4, 5

),

rounded as (

    select
        source_id,
        host_raw,
        step_at,
        count(*) as series_count
    from moves
    where {{ is_same_rounded('moves') }}
    group by 1, 2, 3

),

-- The old price is what the seller asked for a model that the name stood for before.
outgrown as (

    select distinct
        moves.source_id,
        moves.series_key,
        moves.step_at
    from moves
    inner join model_names
        on
            moves.source_id = model_names.source_id
            and moves.host_raw = model_names.host_raw
            and moves.model_raw = model_names.model_raw
            and moves.step_at >= model_names.valid_to
            and moves.model_id != model_names.model_id
    inner join asks
        on
            model_names.model_id = asks.model_id
            and moves.host_id = asks.host_id
            {% for column in good[1:] %}
            and moves.{{ column }} = asks.{{ column }}
            {% endfor %}
            and moves.step_at >= asks.first_seen_at
    where abs(asks.price / moves.previous_price - 1) <= 0.02

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
        named.reading_scope,
        named.spell_number,
        named.previous_usd,
        named.next_usd,
        named.is_move,
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
        coalesce(compared.seller_said_previous, false) as seller_said_previous,
        coalesce(compared.seller_says_previous, false) as seller_says_previous,
        coalesce(compared.seller_says_next, false) as seller_says_next,
        coalesce(compared.seller_said_next_before, false) as seller_said_next_before,
        coalesce(compared.maker_said_previous, false) as maker_said_previous,
        coalesce(compared.maker_says_next, false) as maker_says_next,
        coalesce(compared.maker_said_next_before, false) as maker_said_next_before,
        coalesce(compared.is_power_of_ten_of_maker, false) as is_power_of_ten_of_maker,
        cast(coalesce(compared.previous_seller_count, 0) as integer) as previous_seller_count,
        cast(coalesce(compared.next_seller_count, 0) as integer) as next_seller_count,
        cast(coalesce(compared.next_seller_before_count, 0) as integer) as next_seller_before_count,
        cast(coalesce(compared.other_seller_count, 0) as integer) as other_seller_count,
        compared.others_median_usd,
        cast(coalesce(compared.unrounded_seller_count, 0) as integer) as unrounded_seller_count,
        cast(coalesce(factors.model_count, 0) as integer) as same_factor_count,
        cast(coalesce(shared.model_count, 0) as integer) as same_previous_count,
        cast(coalesce(shared.next_count, 0) as integer) as next_price_count,
        coalesce(shared.is_most, false) as is_most_of_seller,
        coalesce({{ is_same_rounded('moves', least_decimals=0) }}, false) as is_same_rounded,
        coalesce({{ is_same_rounded('moves') }}, false) as is_cut_to_cents,
        cast(coalesce(rounded.series_count, 0) as integer) as rounded_series_count,
        other_rows.source_id is not null as is_other_row,
        outgrown.source_id is not null as is_outgrown,
        renamed.source_id is not null as is_renamed,
        coalesce(beside.is_as_other_cache, false) as is_as_other_cache,
        beside.input_usd_before,
        beside.input_usd_after,
        named.evidence,
        named.payload_ref
    from named
    left join moves
        on
            named.is_move
            and named.source_id = moves.source_id
            and named.series_key = moves.series_key
            and named.step_at = moves.step_at
    left join compared
        on
            named.is_move
            and named.source_id = compared.source_id
            and named.series_key = compared.series_key
            and named.step_at = compared.step_at
    left join beside
        on
            named.is_move
            and named.source_id = beside.source_id
            and named.series_key = beside.series_key
            and named.step_at = beside.step_at
    left join other_rows
        on
            named.is_move
            and named.source_id = other_rows.source_id
            and named.series_key = other_rows.series_key
            and named.step_at = other_rows.step_at
    left join factors
        on
            moves.source_id = factors.source_id
            and moves.host_raw = factors.host_raw
            and moves.step_at = factors.step_at
            and cast(round(ln(moves.ratio) * 50) as integer) = factors.factor
    left join shared
        on
            moves.source_id = shared.source_id
            and moves.host_raw = shared.host_raw
            and moves.step_at = shared.step_at
            and moves.component = shared.component
            and moves.previous_usd = shared.previous_usd
    left join rounded
        on
            moves.source_id = rounded.source_id
            and moves.host_raw = rounded.host_raw
            and moves.step_at = rounded.step_at
    left join outgrown
        on
            moves.source_id = outgrown.source_id
            and moves.series_key = outgrown.series_key
            and moves.step_at = outgrown.step_at
    left join renamed
        on
            moves.source_id = renamed.source_id
            and moves.series_key = renamed.series_key
            and moves.step_at = renamed.step_at

)

select * from final
