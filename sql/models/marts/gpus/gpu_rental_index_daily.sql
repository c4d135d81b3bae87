{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'index_date', 'status') }}",
    )
}}

{%- set first_day = rebuild_from('gpu_offers', 'index_date', 'status') %}
{%- set normal_quantile_95 = 1.6448536269514722 %}

with

offers as (

    select
        *,
        cast(date_trunc('month', price_date) - interval 1 month as date) as reference_month
    from {{ ref('int_gpu_offer_prices__entering') }}
    where price_date >= date '{{ first_day }}'

),

months as (

    select * from {{ ref('int_gpu_offer_prices__monthly') }}
    where is_change_input

),

chained as (

    select * from {{ ref('int_gpu_rental_index__chained') }}

),

trends as (

    select * from {{ ref('gpu_price_trends_daily') }}
    where price_date >= date '{{ first_day }}'

),

composites as (

    select * from {{ ref('int_gpu_index_composites') }}

),

references_of_month as (

    select distinct
        chained.series_id,
        chained.index_month,
        chained.base_month,
        chained.log_index
    from chained

),

-- Each day straight against the month before, never day against day: what bounces leaves no trace.
sellers as (

    select
        offers.price_date,
        offers.reference_month,
        offers.series_id,
        offers.provider_id,
        avg(ln(offers.usd_per_gpu_hour) - months.ln_usd_per_gpu_hour) as log_change,
        count(*) as offer_count,
        cast(
            offers.price_date - cast(max(offers.last_observed_at) as date) > {{ var('carry_days_unread') }}
            as integer
        ) as is_unread
    from offers
    inner join months
        on
            offers.reference_month = months.price_month
            and offers.offer_key = months.offer_key
            and offers.source_id = months.source_id
            and offers.series_id = months.series_id
            and offers.provider_id = months.provider_id
    group by 1, 2, 3, 4

),

cells as (

    select
        sellers.price_date,
        sellers.reference_month,
        sellers.series_id,
        avg(sellers.log_change) as log_change,
        count(*) as provider_count,
        sum(sellers.offer_count) as offer_count,
        sum(sellers.is_unread) as unread_provider_count
    from sellers
    group by 1, 2, 3
    having count(*) >= {{ var('index_matched_providers') }}

),

composed as (

    select
        cells.price_date,
        cells.reference_month,
        composites.series_id,
        sum(composites.weight_ratio * cells.log_change) as log_change,
        sum(cells.provider_count) as provider_count,
        sum(cells.offer_count) as offer_count,
        sum(cells.unread_provider_count) as unread_provider_count
    from cells
    inner join composites
        on cells.series_id = composites.component_id
    group by 1, 2, 3
    having count(*) = any_value(composites.component_count)

),

series as (

    select * from cells
    union all
    select * from composed

),

-- What counting a seller a little more would do: through the month before, and through the change since.
pulls as (

    select
        sellers.price_date,
        sellers.reference_month,
        sellers.series_id,
        sellers.provider_id,
        (sellers.log_change - cells.log_change) / cells.provider_count as pull
    from sellers
    inner join cells
        on
            sellers.price_date = cells.price_date
            and sellers.series_id = cells.series_id

),

series_pulls as (

    select
        pulls.price_date,
        pulls.reference_month,
        pulls.series_id,
        pulls.provider_id,
        pulls.pull
    from pulls
    union all
    select
        pulls.price_date,
        pulls.reference_month,
        composites.series_id,
        pulls.provider_id,
        sum(composites.weight_ratio * pulls.pull) as pull
    from pulls
    inner join composites
        on pulls.series_id = composites.component_id
    group by 1, 2, 3, 4

),

influences as (

    select
        series.price_date,
        series.series_id,
        chained.provider_id,
        chained.influence + coalesce(series_pulls.pull, 0) as influence
    from series
    inner join chained
        on
            series.series_id = chained.series_id
            and series.reference_month = chained.index_month
    left join series_pulls
        on
            series.price_date = series_pulls.price_date
            and series.series_id = series_pulls.series_id
            and chained.provider_id = series_pulls.provider_id

),

-- The first four moments of the weights that the month draws, mean 1 and exponential: a thousand draws for
-- every day would cost more than all the rest.
moments as (

    select
        influences.price_date,
        influences.series_id,
        sqrt(sum(pow(influences.influence, 2))) as deviation,
        2 * sum(pow(influences.influence, 3)) / pow(sum(pow(influences.influence, 2)), 1.5) as skewness,
        6 * sum(pow(influences.influence, 4)) / pow(sum(pow(influences.influence, 2)), 2) as excess_kurtosis
    from influences
    where abs(influences.influence) > 1e-12
    group by 1, 2

),

-- Quantiles from moments, after Cornish and Fisher.
bands as (

    select
        moments.price_date,
        {% for column, z in [('low', -normal_quantile_95), ('high', normal_quantile_95)] %}
        moments.deviation * (
            {{ z }}
            + moments.skewness * {{ (z**2 - 1) / 6 }}
            + moments.excess_kurtosis * {{ (z**3 - 3 * z) / 24 }}
            - pow(moments.skewness, 2) * {{ (2 * z**3 - 5 * z) / 36 }}
        ) as log_{{ column }},
        {% endfor %}
        moments.series_id
    from moments

),

judged as (

    select
        series.*,
        references_of_month.base_month,
        references_of_month.log_index + series.log_change as log_index,
        coalesce(bands.log_low, 0) as log_low,
        coalesce(bands.log_high, 0) as log_high,
        series.unread_provider_count / series.provider_count as imputed_ratio,
        series.unread_provider_count <= 0.5 * series.provider_count as is_shown,
        case
            when series.unread_provider_count > 0.5 * series.provider_count
                then 'most sellers not read for {{ var("carry_days_unread") }} days'
        end as suppression_reason
    from series
    inner join references_of_month
        on
            series.series_id = references_of_month.series_id
            and series.reference_month = references_of_month.index_month
    left join bands
        on
            series.price_date = bands.price_date
            and series.series_id = bands.series_id

),

final as (

    select
        judged.price_date as index_date,
        judged.series_id,
        split_part(judged.series_id, '/', 1) as segment,
        split_part(judged.series_id, '/', 2) as purchase_type,
        cast(split_part(judged.series_id, '/', 3) as integer) as commitment_months,
        split_part(judged.series_id, '/', 4) as gpu_id,
        trends.level_usd_per_gpu_hour,
        {% for column, log in [('value', '0'), ('low', 'judged.log_low'), ('high', 'judged.log_high')] %}
        cast(case when judged.is_shown then 100 * exp(judged.log_index + {{ log }}) end as decimal(12, 4))
            as index_{{ column }},
        {% endfor %}
        judged.base_month,
        judged.reference_month,
        cast(judged.provider_count as integer) as matched_provider_count,
        cast(judged.offer_count as integer) as matched_offer_count,
        cast(judged.imputed_ratio as decimal(7, 6)) as imputed_ratio,
        {{ value_status('judged.price_date', 'judged.suppression_reason', 'judged.imputed_ratio') }}
            as status,
        coalesce(
            judged.suppression_reason,
            case
                when judged.imputed_ratio > 0.25
                    then
                        judged.unread_provider_count || ' of ' || judged.provider_count
                        || ' sellers not read for {{ var("carry_days_unread") }} days'
            end
        ) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from judged
    left join trends
        on
            judged.price_date = trends.price_date
            and judged.series_id = trends.series_id

)

select * from final
