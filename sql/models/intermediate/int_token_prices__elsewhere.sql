{#- What may be compared between sellers: the same tokens at the same terms. -#}
{%- set good = ['model_id', 'component', 'unit', 'service_tier', 'utc_window', 'min_context_tokens'] %}

with

moves as (

    select * from {{ ref('int_token_prices__steps') }}
    where is_move

),

spells as (

    select * from {{ ref('fct_token_price_spells') }}

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}
    where contract = 'token_prices'

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

-- The old price is older than its series: the reading that began the series ended another one of the same
-- model at the same price. The entry was renamed.
renamed as (

    select distinct
        moves.source_id,
        moves.series_key,
        moves.step_at
    from moves
    inner join asks
        on
            moves.source_id = asks.source_id
            {% for column in good %}
            and moves.{{ column }} = asks.{{ column }}
            {% endfor %}
            and moves.host_id = asks.host_id
            and moves.previous_price = asks.price
            and moves.previous_since_at = asks.until_at

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
            moves.step_at >= asks.first_seen_at
            {% for column in good %}
            and moves.{{ column }} = asks.{{ column }}
            {% endfor %}
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
        count(distinct heard.host_id) filter (where heard.is_other_seller and heard.says_previous)
            as previous_seller_count,
        count(distinct heard.host_id) filter (
            where heard.is_other_seller and heard.says_next and heard.is_standing
        ) as next_seller_count,
        count(distinct heard.host_id) filter (
            where heard.is_other_seller and heard.says_next and heard.stood_before
        ) as next_seller_before_count,
        count(distinct heard.host_id) filter (where heard.is_other_seller and heard.is_standing)
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

final as (

    select
        moves.source_id,
        moves.series_key,
        moves.step_at,
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
        renamed.source_id is not null as is_renamed,
        outgrown.source_id is not null as is_outgrown
    from moves
    left join compared
        on
            moves.source_id = compared.source_id
            and moves.series_key = compared.series_key
            and moves.step_at = compared.step_at
    left join renamed
        on
            moves.source_id = renamed.source_id
            and moves.series_key = renamed.series_key
            and moves.step_at = renamed.step_at
    left join outgrown
        on
            moves.source_id = outgrown.source_id
            and moves.series_key = outgrown.series_key
            and moves.step_at = outgrown.step_at

)

select * from final
