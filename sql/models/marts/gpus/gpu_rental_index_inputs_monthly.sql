{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'index_month', 'status', 'month') }}",
    )
}}

{%- set first_month = rebuild_from('gpu_offers', 'index_month', 'status', 'month') %}

with

prices as (

    select * from {{ ref('gpu_prices_daily') }}
    where
        segment is not null
        and price_date >= date '{{ first_month }}' - interval {{ 1 if is_incremental() else 0 }} month

),

sources as (

    select * from {{ ref('sources') }}

),

offers as (

    select * from {{ ref('int_gpu_offer_prices__monthly') }}

),

relatives as (

    select * from {{ ref('int_gpu_price_relatives__monthly') }}

),

chained as (

    select * from {{ ref('int_gpu_rental_index__chained') }}

),

-- A seller in a month, as far as anything was read of it.
sellers as (

    select
        cast(date_trunc('month', prices.price_date) as date) as index_month,
        {{ gpu_series_id('prices') }} as series_id,
        prices.segment,
        prices.purchase_type,
        prices.commitment_months,
        prices.gpu_id,
        prices.provider_id,
        arg_max(prices.source_id, (prices.is_index_input, prices.price_date)) as source_id,
        exp(avg(ln(cast(prices.median_usd_per_gpu_hour as double))) filter (where prices.is_index_input))
            as usd_per_gpu_hour,
        count(*) filter (where prices.is_index_input) as day_count,
        count(*) filter (where not prices.is_index_input) as excluded_day_count,
        arg_max(
            coalesce(
                prices.outlier_reason,
                case
                    when prices.price_statistic = 'minimum' then 'only the lowest of several is stated'
                    else 'the source repeats others and serves as a cross-check'
                end
            ),
            prices.price_date
        ) filter (where not prices.is_index_input) as exclusion_reason,
        max(prices.last_observed_at) as last_observed_at,
        max(prices.last_observed_at) < date_trunc('month', max(prices.price_date)) as is_carried,
        arg_max(prices.age_days, prices.price_date) >= case prices.segment
            when 'marketplace' then {{ var('carry_days_marketplace') }}
            else {{ var('carry_days_listed') }}
        end as is_last_day_stale
    from prices
    group by 1, 2, 3, 4, 5, 6, 7

),

-- A price that ended because nobody looked any more is missing; one that a reading no longer showed is gone.
missing as (

    select
        sellers.* replace (
            cast(sellers.index_month + interval 1 month as date) as index_month,
            cast(null as double) as usd_per_gpu_hour,
            0 as day_count,
            0 as excluded_day_count,
            cast(null as varchar) as exclusion_reason,
            true as is_carried
        )
    from sellers
    left join sellers as later
        on
            sellers.series_id = later.series_id
            and sellers.provider_id = later.provider_id
            and sellers.index_month + interval 1 month = later.index_month
    where
        sellers.is_last_day_stale
        and sellers.day_count > 0
        and later.provider_id is null
        and sellers.index_month + interval 1 month <= {{ as_of_date() }}

),

listed as (

    select * from sellers
    union all by name
    select * from missing

),

offer_counts as (

    select
        offers.price_month,
        offers.series_id,
        offers.provider_id,
        count(*) as offer_count,
        bool_or(offers.is_change_input) as is_change_input
    from offers
    group by 1, 2, 3

),

judged as (

    select
        listed.*,
        chained.base_month,
        chained.link_month,
        chained.influence,
        relatives.log_change,
        relatives.offer_count as matched_offer_count,
        coalesce(offer_counts.offer_count, 0) as offer_count,
        case
            when listed.day_count = 0 and listed.excluded_day_count = 0 then 'missing'
            when listed.day_count = 0 then 'excluded'
            when not offer_counts.is_change_input then 'level_only'
            when relatives.provider_id is not null then 'matched'
            else 'unmatched'
        end as part
    from listed
    left join offer_counts
        on
            listed.index_month = offer_counts.price_month
            and listed.series_id = offer_counts.series_id
            and listed.provider_id = offer_counts.provider_id
    left join chained
        on
            listed.index_month = chained.index_month
            and listed.series_id = chained.series_id
            and listed.provider_id = chained.provider_id
    left join relatives
        on
            listed.index_month = relatives.price_month
            and chained.link_month = relatives.earlier_month
            and listed.series_id = relatives.series_id
            and listed.provider_id = relatives.provider_id
    where listed.index_month >= date '{{ first_month }}'

),

reasoned as (

    select
        judged.*,
        case judged.part
            when 'missing' then 'no reading for as long as a price may stand'
            when 'excluded' then judged.exclusion_reason
        end as suppression_reason
    from judged

),

final as (

    select
        reasoned.index_month,
        reasoned.series_id,
        reasoned.segment,
        reasoned.purchase_type,
        reasoned.commitment_months,
        reasoned.gpu_id,
        reasoned.provider_id,
        reasoned.source_id,
        reasoned.part,
        cast(reasoned.usd_per_gpu_hour as decimal(18, 6)) as usd_per_gpu_hour,
        reasoned.link_month,
        cast(exp(reasoned.log_change) - 1 as decimal(12, 6)) as change_ratio,
        cast(reasoned.influence as decimal(12, 8)) as log_influence,
        cast(reasoned.day_count as integer) as day_count,
        cast(reasoned.offer_count as integer) as offer_count,
        cast(coalesce(reasoned.matched_offer_count, 0) as integer) as matched_offer_count,
        reasoned.is_carried,
        reasoned.last_observed_at,
        cast(reasoned.excluded_day_count as integer) as excluded_day_count,
        reasoned.exclusion_reason,
        {{ value_status('last_day(reasoned.index_month)', 'reasoned.suppression_reason') }} as status,
        reasoned.suppression_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from reasoned

)

select * from final
