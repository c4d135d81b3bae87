{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_from('gpu_offers', 'index_month', 'status', 'month') }}",
    )
}}

{%- set first_month = rebuild_from('gpu_offers', 'index_month', 'status', 'month') %}

with

inputs as (

    select * from {{ ref('gpu_rental_index_inputs_monthly') }}
    where index_month >= date '{{ first_month }}'

),

chained as (

    select * from {{ ref('int_gpu_rental_index__chained') }}
    where index_month >= date '{{ first_month }}'

),

draws as (

    select * from {{ ref('int_gpu_rental_index__draws') }}

),

composites as (

    select * from {{ ref('int_gpu_index_composites') }}

),

indices as (

    select distinct
        chained.index_month,
        chained.series_id,
        chained.base_month,
        chained.link_month,
        chained.log_index
    from chained

),

drawn as (

    select
        chained.index_month,
        chained.series_id,
        draws.draw_number,
        sum((draws.weight - 1) * chained.influence) as log_error
    from chained
    inner join draws
        on chained.provider_id = draws.provider_id
    where abs(chained.influence) > 1e-12
    group by 1, 2, 3

),

bands as (

    select
        drawn.index_month,
        drawn.series_id,
        {{ quantile('drawn.log_error', 0.05) }} as log_low,
        {{ quantile('drawn.log_error', 0.95) }} as log_high
    from drawn
    group by 1, 2

),

sellers as (

    select
        inputs.index_month,
        inputs.series_id,
        inputs.segment,
        inputs.purchase_type,
        inputs.commitment_months,
        inputs.gpu_id,
        {{ median('cast(inputs.usd_per_gpu_hour as double)') }} as level_usd_per_gpu_hour,
        count(inputs.usd_per_gpu_hour) as provider_count,
        sum(inputs.offer_count) as offer_count,
        count(*) filter (where inputs.part = 'matched') as matched_provider_count,
        sum(inputs.matched_offer_count) as matched_offer_count,
        count(*) filter (where inputs.excluded_day_count > 0) as excluded_provider_count,
        count(*) filter (where inputs.part != 'excluded' and inputs.is_carried) as unread_provider_count,
        count(*) filter (where inputs.part != 'excluded') as expected_provider_count
    from inputs
    group by 1, 2, 3, 4, 5, 6

),

judged as (

    select
        sellers.*,
        indices.base_month,
        indices.link_month,
        indices.log_index,
        case
            when sellers.unread_provider_count > 0.5 * sellers.expected_provider_count
                then 'most sellers not read in the month'
            when
                sellers.segment = 'marketplace' and (sellers.provider_count < 2 or sellers.offer_count < 10)
                then 'fewer than two marketplaces or ten offers'
            when sellers.segment != 'marketplace' and sellers.provider_count < 4
                then 'fewer than four sellers'
        end as level_suppression_reason,
        case
            when sellers.unread_provider_count > 0.5 * sellers.expected_provider_count
                then 'most sellers not read in the month'
            when indices.log_index is null
                then 'fewer than {{ var("index_matched_providers") }} sellers whose prices can show a change'
        end as suppression_reason
    from sellers
    left join indices
        on
            sellers.index_month = indices.index_month
            and sellers.series_id = indices.series_id

),

cells as (

    select
        judged.* replace (
            case when judged.level_suppression_reason is null then judged.level_usd_per_gpu_hour end
                as level_usd_per_gpu_hour,
            case when judged.suppression_reason is null then judged.log_index end as log_index
        )
    from judged

),

-- What an hour costs that is bought in fixed parts from each segment. Without one of them it has no price.
composed as (

    select
        cells.index_month,
        composites.series_id,
        'composite' as segment,
        cells.purchase_type,
        cells.commitment_months,
        cells.gpu_id,
        case
            when count(cells.level_usd_per_gpu_hour) = any_value(composites.component_count)
                then sum(composites.weight_ratio * cells.level_usd_per_gpu_hour)
        end as level_usd_per_gpu_hour,
        case
            when count(cells.level_usd_per_gpu_hour) < any_value(composites.component_count)
                then 'not every segment has a level'
        end as level_suppression_reason,
        case
            when count(cells.log_index) < any_value(composites.component_count)
                then 'not every segment has an index'
        end as suppression_reason,
        sum(cells.provider_count) as provider_count,
        sum(cells.offer_count) as offer_count,
        sum(cells.matched_provider_count) as matched_provider_count,
        sum(cells.matched_offer_count) as matched_offer_count,
        sum(cells.excluded_provider_count) as excluded_provider_count,
        sum(cells.unread_provider_count) as unread_provider_count,
        sum(cells.expected_provider_count) as expected_provider_count
    from cells
    inner join composites
        on cells.series_id = composites.component_id
    group by 1, 2, 3, 4, 5, 6

),

series as (

    select * from cells
    union all by name
    select
        composed.*,
        indices.base_month,
        indices.link_month,
        case when composed.suppression_reason is null then indices.log_index end as log_index
    from composed
    left join indices
        on
            composed.index_month = indices.index_month
            and composed.series_id = indices.series_id

),

published as (

    select
        series.*,
        series.unread_provider_count / series.expected_provider_count as imputed_ratio,
        coalesce(bands.log_low, 0) as log_low,
        coalesce(bands.log_high, 0) as log_high
    from series
    left join bands
        on
            series.index_month = bands.index_month
            and series.series_id = bands.series_id
    -- A seller read but shut out, alone in its cell, leaves nothing to publish.
    where series.expected_provider_count > 0

),

final as (

    select
        published.index_month,
        published.series_id,
        published.segment,
        published.purchase_type,
        published.commitment_months,
        published.gpu_id,
        cast(published.level_usd_per_gpu_hour as decimal(18, 6)) as level_usd_per_gpu_hour,
        cast(100 * exp(published.log_index) as decimal(12, 4)) as index_value,
        cast(100 * exp(published.log_index + published.log_low) as decimal(12, 4)) as index_low,
        cast(100 * exp(published.log_index + published.log_high) as decimal(12, 4)) as index_high,
        case when published.log_index is not null then published.base_month end as base_month,
        case when published.log_index is not null then published.link_month end as link_month,
        cast(published.provider_count as integer) as provider_count,
        cast(published.offer_count as integer) as offer_count,
        cast(published.matched_provider_count as integer) as matched_provider_count,
        cast(published.matched_offer_count as integer) as matched_offer_count,
        cast(published.excluded_provider_count as integer) as excluded_provider_count,
        cast(published.imputed_ratio as decimal(7, 6)) as imputed_ratio,
        {% for prefix in ['level_', ''] %}
        {%- set reason = 'published.' ~ prefix ~ 'suppression_reason' %}
        {{ value_status('last_day(published.index_month)', reason, 'published.imputed_ratio') }}
            as {{ prefix }}status,
        coalesce(
            {{ reason }},
            case
                when published.imputed_ratio > 0.25
                    then
                        published.unread_provider_count || ' of ' || published.expected_provider_count
                        || ' sellers not read in the month'
            end
        ) as {{ prefix }}status_reason,
        {% endfor %}
        '{{ var("methodology_version") }}' as methodology_version
    from published

)

select * from final
