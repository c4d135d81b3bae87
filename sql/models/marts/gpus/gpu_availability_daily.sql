{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'price_date', 'status') }}",
    )
}}

with

-- What was seen on the day itself: that something was on sale a week ago says nothing of today.
offers as (

    select
        *,
        -- A source that counts units says with the count whether there are any.
        coalesce(is_available, available_count > 0) as is_on_sale
    from {{ ref('fct_gpu_offer_prices_daily') }}
    where
        price_date >= date '{{ rebuild_from('gpu_offers', 'price_date', 'status') }}'
        and cast(last_observed_at as date) = price_date
        and coalesce(exclusion_reason, 'not rentable') = 'not rentable'
        and segment is not null

),

counted as (

    select
        offers.price_date,
        {{ gpu_series_id('offers') }} as series_id,
        offers.segment,
        offers.purchase_type,
        offers.commitment_months,
        offers.gpu_id,
        offers.provider_id,
        offers.source_id,
        count(*) as offer_count,
        count(*) filter (where offers.is_on_sale) as available_offer_count,
        count(*) filter (where not offers.is_on_sale) as unavailable_offer_count,
        sum(offers.available_count) as stock_count
    from offers
    group by 1, 2, 3, 4, 5, 6, 7, 8

),

-- Of several sources that watch a seller the one that says most speaks, so that no offer counts twice.
spoken as (

    select counted.*
    from counted
    qualify
        row_number() over (
            partition by counted.price_date, counted.series_id, counted.provider_id
            order by
                counted.available_offer_count + counted.unavailable_offer_count desc,
                counted.offer_count desc,
                counted.source_id asc
        ) = 1

),

summed as (

    select
        spoken.price_date,
        spoken.series_id,
        spoken.segment,
        spoken.purchase_type,
        spoken.commitment_months,
        spoken.gpu_id,
        count(*) as provider_count,
        sum(spoken.offer_count) as offer_count,
        sum(spoken.available_offer_count) as available_offer_count,
        sum(spoken.unavailable_offer_count) as unavailable_offer_count,
        sum(spoken.stock_count) as stock_count
    from spoken
    group by 1, 2, 3, 4, 5, 6

),

judged as (

    select
        summed.*,
        case
            when summed.available_offer_count + summed.unavailable_offer_count = 0
                then 'no source says what is available'
        end as suppression_reason
    from summed

),

final as (

    select
        judged.price_date,
        judged.series_id,
        judged.segment,
        judged.purchase_type,
        judged.commitment_months,
        judged.gpu_id,
        cast(judged.available_offer_count / nullif(
            judged.available_offer_count + judged.unavailable_offer_count, 0
        ) as decimal(7, 6)) as available_ratio,
        cast(judged.available_offer_count as integer) as available_offer_count,
        cast(judged.unavailable_offer_count as integer) as unavailable_offer_count,
        cast(judged.offer_count - judged.available_offer_count - judged.unavailable_offer_count as integer)
            as unknown_offer_count,
        cast(judged.stock_count as bigint) as stock_count,
        cast(judged.provider_count as integer) as provider_count,
        cast(judged.offer_count as integer) as offer_count,
        {{ value_status('judged.price_date', 'judged.suppression_reason') }} as status,
        judged.suppression_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from judged

)

select * from final
