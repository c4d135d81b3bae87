-- What may be published, what must be null, and that the month's figures follow from the sellers listed.
with

monthly as (

    select * from {{ ref('gpu_rental_index_monthly') }}

),

daily as (

    select * from {{ ref('gpu_rental_index_daily') }}

),

listed as (

    select
        index_month,
        series_id,
        count(usd_per_gpu_hour) as provider_count,
        count(*) filter (where part = 'matched') as matched_provider_count,
        count(*) filter (where is_carried and part != 'excluded')
        / nullif(count(*) filter (where part != 'excluded'), 0) as imputed_ratio,
        median(usd_per_gpu_hour) as middle
    from {{ ref('gpu_rental_index_inputs_monthly') }}
    group by 1, 2

),

broken as (

    select
        monthly.index_month,
        monthly.series_id,
        'not the sellers listed' as broken_rule
    from monthly
    left join listed
        on
            monthly.index_month = listed.index_month
            and monthly.series_id = listed.series_id
    where
        monthly.segment != 'composite'
        and (
            monthly.provider_count is distinct from listed.provider_count
            or monthly.matched_provider_count is distinct from listed.matched_provider_count
            or abs(monthly.imputed_ratio - listed.imputed_ratio) > 0.000001
            or abs(monthly.level_usd_per_gpu_hour - listed.middle) > 0.000002
        )
    union all
    select
        index_month,
        series_id,
        'too little for a level' as broken_rule
    from monthly
    where
        level_usd_per_gpu_hour is not null
        and (
            segment not in ('marketplace', 'composite') and provider_count < 4
            or segment = 'marketplace' and (provider_count < 2 or offer_count < 10)
            or imputed_ratio > 0.5
        )
    union all
    select
        index_month,
        series_id,
        'too little for an index' as broken_rule
    from monthly
    where
        index_value is not null
        and (
            imputed_ratio > 0.5
            or index_month != base_month and (matched_provider_count < 3 or link_month is null)
            or index_month = base_month and (index_value != 100 or index_low != 100 or index_high != 100)
            or not (index_low <= index_value and index_value <= index_high)
            or not coalesce(link_month >= base_month and link_month < index_month, index_month = base_month)
        )
    union all
    select
        index_month,
        series_id,
        'null, status and reason do not agree' as broken_rule
    from monthly
    where
        (status = 'suppressed') != (index_value is null)
        or (level_status = 'suppressed') != (level_usd_per_gpu_hour is null)
        or (status in ('suppressed', 'imputed')) != (status_reason is not null)
        or (level_status in ('suppressed', 'imputed')) != (level_status_reason is not null)
    union all
    select
        index_date,
        series_id,
        'a day against its rules' as broken_rule
    from daily
    where
        matched_provider_count < 3
        or (status = 'suppressed') != (index_value is null)
        or (status in ('suppressed', 'imputed')) != (status_reason is not null)
        or not (index_low <= index_value and index_value <= index_high)
        or reference_month != date_trunc('month', index_date) - interval 1 month

)

select * from broken
