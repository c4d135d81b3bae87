{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'event_date') }}",
    )
}}

{%- set told = [
    'source_id', 'reading_scope', 'offer_key', 'provider_raw', 'provider_id', 'segment', 'gpu_raw', 'gpu_id',
    'gpu_count', 'purchase_type', 'price_statistic', 'amount', 'usd_per_gpu_hour', 'last_observed_at',
    'evidence', 'payload_ref',
] %}
{%- set first_day = rebuild_from('gpu_offers', 'event_date') %}

with

-- What an offer costs as its seller bills it: an exchange rate that moves is no step of the price.
sights as (

    select
        *,
        case when currency != 'USD' then coalesce(native_price, usd_per_hour) else usd_per_hour end as amount
    from {{ ref('fct_gpu_offer_prices_daily') }}
    where
        evidence != 'estimate'
        {% if is_incremental() %}
        and price_date >= date '{{ first_day }}' - 1
        {% endif %}

),

neighboured as (

    select
        sights.*,
        lag(sights.price_date) over series as lag_date,
        lag(sights.amount) over series as lag_amount,
        lead(sights.price_date) over series as lead_date
    from sights
    window series as (partition by sights.source_id, sights.offer_key order by sights.price_date)

),

final as (

    select
        neighboured.price_date as event_date,
        false as is_end,
        {{ columns_of('neighboured', told) }}
    from neighboured
    where
        neighboured.price_date >= date '{{ first_day }}'
        and coalesce(
            neighboured.lag_date != neighboured.price_date - 1
            or neighboured.lag_amount != neighboured.amount,
            true
        )
    union all
    select
        neighboured.price_date + 1 as event_date,
        true as is_end,
        {{ columns_of('neighboured', told) }}
    from neighboured
    where
        neighboured.price_date + 1 >= date '{{ first_day }}'
        and neighboured.price_date < {{ as_of_date() }}
        and coalesce(neighboured.lead_date != neighboured.price_date + 1, true)

)

select * from final
