{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'price_date', 'status') }}",
    )
}}

with

prices as (

    select
        *,
        cast(median_usd_per_gpu_hour as double) as usd_per_gpu_hour
    from {{ ref('gpu_prices_daily') }}
    where
        is_index_input
        and segment is not null
        and price_date >= date '{{ rebuild_from('gpu_offers', 'price_date', 'status') }}'

),

cells as (

    select
        prices.price_date,
        {{ gpu_series_id('prices') }} as series_id,
        prices.segment,
        prices.purchase_type,
        prices.commitment_months,
        prices.gpu_id,
        count(*) as provider_count,
        -- Of sellers at one price the first by name, so that two builds name the same one.
        arg_min(prices.provider_id, (prices.usd_per_gpu_hour, prices.provider_id)) as cheapest_provider_id,
        arg_min(prices.provider_id, (-prices.usd_per_gpu_hour, prices.provider_id)) as dearest_provider_id,
        max(prices.usd_per_gpu_hour) / min(prices.usd_per_gpu_hour) as dearest_to_cheapest_ratio,
        {{ quantile('prices.usd_per_gpu_hour', 0.75) }} / {{ quantile('prices.usd_per_gpu_hour', 0.25) }}
            as interquartile_ratio,
        exp(stddev_samp(ln(prices.usd_per_gpu_hour))) as geometric_deviation_ratio
    from prices
    group by 1, 2, 3, 4, 5, 6

),

judged as (

    select
        cells.*,
        cells.provider_count >= 2 as is_shown,
        case when cells.provider_count < 2 then 'fewer than two sellers' end as suppression_reason
    from cells

),

final as (

    select
        judged.price_date,
        judged.series_id,
        judged.segment,
        judged.purchase_type,
        judged.commitment_months,
        judged.gpu_id,
        {% for column in ['dearest_to_cheapest_ratio', 'interquartile_ratio', 'geometric_deviation_ratio'] %}
        cast(case when judged.is_shown then judged.{{ column }} end as decimal(12, 6)) as {{ column }},
        {% endfor %}
        case when judged.is_shown then judged.cheapest_provider_id end as cheapest_provider_id,
        case when judged.is_shown then judged.dearest_provider_id end as dearest_provider_id,
        cast(judged.provider_count as integer) as provider_count,
        {{ value_status('judged.price_date', 'judged.suppression_reason') }} as status,
        judged.suppression_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from judged

)

select * from final
