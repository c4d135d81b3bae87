{#- Two lists that round differently do not disagree. -#}
{%- set least_difference = 0.01 %}
{%- set good = [
    'host_id', 'model_id', 'component', 'unit', 'service_tier', 'utc_window', 'min_context_tokens', 'quantization',
] %}

with

spells as (

    select * from {{ ref('fct_token_price_spells') }}
    where host_id is not null and usd_amount > 0

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}
    where contract = 'token_prices' and model_id is not null

),

errors as (

    select * from {{ ref('int_prices__in_error') }}
    where market = 'token'

),

named as (

    select
        spells.*,
        model_names.model_id,
        {{ token_series_key('spells') }} as series_key,
        cast(spells.first_seen_at as date) as from_date,
        -- Up to the reading that no longer showed it, or as long as a price may be carried.
        least(
            coalesce(cast(spells.next_read_at as date), date '9999-12-31'),
            cast(spells.last_seen_at as date) + {{ var('carry_days_listed') }} + 1,
            {{ as_of_date() }} + 1
        ) as until_date
    from spells
    inner join model_names
        on
            spells.source_id = model_names.source_id
            and spells.host_raw = model_names.host_raw
            and spells.model_raw = model_names.model_raw
            and spells.first_seen_at >= model_names.valid_from
            and spells.first_seen_at < model_names.valid_to

),

-- A source may list one model several times, by region or snapshot; the plainest name speaks for it.
spoken as (

    select named.*
    from named
    -- What was gone at the end of its first day was the price of no day.
    where named.from_date < named.until_date
    qualify
        dense_rank() over (
            partition by named.source_id, {{ columns_of('named', good) }}
            order by length(named.model_raw), named.model_raw, length(named.host_raw), named.host_raw
        ) = 1

),

judged as (

    select
        spoken.*,
        errors.series_key is not null as is_withheld
    from spoken
    left join errors
        on
            spoken.source_id = errors.source_id
            and spoken.series_key = errors.series_key
            and spoken.usd_amount = errors.wrong_usd
            and spoken.first_seen_at >= errors.wrong_from_at
            and spoken.first_seen_at < errors.wrong_until_at

),

pairs as (

    select
        {{ columns_of('judged', good) }},
        judged.source_id,
        peers.source_id as other_source_id,
        judged.model_raw,
        peers.model_raw as other_model_raw,
        judged.usd_amount,
        peers.usd_amount as other_usd_amount,
        judged.is_withheld,
        peers.is_withheld as is_other_withheld,
        greatest(judged.from_date, peers.from_date) as from_date,
        least(judged.until_date, peers.until_date) as until_date
    from judged
    inner join judged as peers
        on
            judged.source_id < peers.source_id
            {% for column in good %}
            and judged.{{ column }} = peers.{{ column }}
            {% endfor %}
            and judged.from_date < peers.until_date
            and judged.until_date > peers.from_date
    where
        abs(cast(peers.usd_amount as double) / cast(judged.usd_amount as double) - 1) > {{ least_difference }}

),

final as (

    select
        pairs.from_date,
        pairs.until_date,
        cast(pairs.until_date - pairs.from_date as integer) as day_count,
        pairs.until_date > {{ as_of_date() }} as is_standing,
        {{ columns_of('pairs', good) }},
        pairs.source_id,
        pairs.other_source_id,
        pairs.model_raw,
        pairs.other_model_raw,
        cast(pairs.usd_amount as decimal(18, 9)) as usd_amount,
        cast(pairs.other_usd_amount as decimal(18, 9)) as other_usd_amount,
        cast(pairs.other_usd_amount as double) / cast(pairs.usd_amount as double) as ratio,
        pairs.is_withheld,
        pairs.is_other_withheld
    from pairs

)

select * from final
