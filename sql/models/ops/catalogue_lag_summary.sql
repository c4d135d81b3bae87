with

lags as (

    select * from {{ ref('catalogue_lags') }}

),

final as (

    select
        lags.source_id,
        cast(count(*) as integer) as change_count,
        cast(count(case when lags.source_id = lags.first_source_id then 1 end) as integer) as first_count,
        cast(count(case when lags.status = 'not carried' then 1 end) as integer) as not_carried_count,
        {{ median("case when lags.status = 'carried' then lags.lag_days end") }} as median_lag_days,
        cast(max(case when lags.status = 'carried' then lags.lag_days end) as integer) as longest_lag_days
    from lags
    group by 1

)

select * from final
