{#- A step to the same price later than this is another change. -#}
{%- set longest_lag_days = 400 %}
{%- set good = [
    'seller_id', 'product_id', 'component', 'unit', 'service_tier', 'utc_window', 'min_context_tokens', 'quantization',
] %}

with

steps as (

    select * from {{ ref('price_steps') }}
    where
        market = 'token'
        and seller_id is not null
        and product_id is not null

),

-- A source carries a change when the first of its lines does.
carried as (

    select
        {{ columns_of('steps', good) }},
        steps.previous_usd,
        steps.next_usd,
        steps.source_id,
        min(steps.step_at) as carried_at,
        min(steps.step_date) as stated_date
    from steps
    where steps.step_class = 'change' and steps.previous_usd > 0 and steps.next_usd > 0
    group by {{ columns_of('steps', good) }}, 9, 10, 11

),

firsts as (

    select
        {{ columns_of('carried', good) }},
        carried.previous_usd,
        carried.next_usd,
        min(carried.carried_at) as first_carried_at,
        arg_min(carried.source_id, carried.carried_at) as first_source_id
    from carried
    group by {{ columns_of('carried', good) }}, 9, 10

),

followed as (

    select
        firsts.*,
        carried.source_id,
        carried.carried_at,
        carried.stated_date
    from firsts
    inner join carried
        on
            firsts.previous_usd = carried.previous_usd
            {% for column in good %}
            and firsts.{{ column }} = carried.{{ column }}
            {% endfor %}
            and firsts.next_usd = carried.next_usd
            and carried.carried_at <= firsts.first_carried_at + interval '{{ longest_lag_days }}' day

),

spells as (

    select * from {{ ref('fct_token_price_spells') }}

),

model_names as (

    select * from {{ ref('int_model_names__matched') }}
    where contract = 'token_prices'

),

-- Sources that showed the old price when the first of them changed, and what they did next.
waiting as (

    select
        firsts.*,
        spells.source_id,
        max(spells.last_seen_at) as last_seen_at
    from firsts
    inner join model_names
        on firsts.product_id = model_names.model_id
    inner join spells
        on
            model_names.source_id = spells.source_id
            and model_names.host_raw = spells.host_raw
            and model_names.model_raw = spells.model_raw
            and firsts.seller_id = spells.host_id
            {% for column in good[2:] %}
            and firsts.{{ column }} = spells.{{ column }}
            {% endfor %}
            and firsts.previous_usd = spells.usd_amount
            and firsts.first_carried_at >= spells.first_seen_at
            and firsts.first_carried_at < spells.last_seen_at
    group by all

),

told as (

    select
        cast(followed.first_carried_at as date) as first_carried_date,
        followed.first_source_id,
        followed.source_id,
        followed.seller_id as host_id,
        followed.product_id as model_id,
        {{ columns_of('followed', good[2:]) }},
        followed.previous_usd as old_usd_amount,
        followed.next_usd as new_usd_amount,
        cast(followed.carried_at as date) as carried_date,
        followed.stated_date,
        cast(cast(followed.carried_at as date) - cast(followed.first_carried_at as date) as integer)
            as lag_days,
        'carried' as status
    from followed
    union all
    select
        cast(waiting.first_carried_at as date) as first_carried_date,
        waiting.first_source_id,
        waiting.source_id,
        waiting.seller_id as host_id,
        waiting.product_id as model_id,
        {{ columns_of('waiting', good[2:]) }},
        waiting.previous_usd as old_usd_amount,
        waiting.next_usd as new_usd_amount,
        null as carried_date,
        null as stated_date,
        cast(cast(waiting.last_seen_at as date) - cast(waiting.first_carried_at as date) as integer)
            as lag_days,
        'not carried' as status
    from waiting
    left join followed
        on
            waiting.previous_usd = followed.previous_usd
            {% for column in good %}
            and waiting.{{ column }} = followed.{{ column }}
            {% endfor %}
            and waiting.next_usd = followed.next_usd
            and waiting.source_id = followed.source_id
    where followed.source_id is null

),

-- A change that only one source ever told has no lag.
final as (

    select told.*
    from told
    qualify
        count(*) over (
            partition by
                {{ columns_of('told', ['host_id', 'model_id'] + good[2:]) }},
                told.old_usd_amount,
                told.new_usd_amount
        ) > 1

)

select * from final
