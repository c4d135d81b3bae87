with

levels as (

    select * from {{ ref('gpu_rental_levels_daily') }}

),

gpus as (

    select * from {{ ref('gpus') }}
    where family = 'h100'

),

prices as (

    select * from {{ ref('gpu_prices_daily') }}
    where is_index_input

),

rated as (

    select
        levels.*,
        bool_or(levels.is_supported) over (partition by levels.series_id) as has_supported_days
    from levels

),

-- S, the series of the statistics: the 28-day median of the daily level, on the days enough sellers stand
-- behind it. A series without such a day keeps its row, without statistics.
series as (

    select
        levels.series_id,
        levels.segment,
        levels.purchase_type,
        levels.commitment_months,
        levels.gpu_id,
        levels.price_date,
        cast(levels.smoothed_usd_per_gpu_hour as double) as usd,
        levels.provider_count,
        levels.offer_count,
        levels.is_supported,
        levels.status,
        max(cast(levels.smoothed_usd_per_gpu_hour as double)) over so_far as running_peak_usd,
        levels.price_date - lag(levels.price_date) over day_by_day - 1 as days_missing_before,
        first_value(levels.price_date) over day_by_day as first_date,
        max(cast(levels.smoothed_usd_per_gpu_hour as double)) over whole as peak_usd
    from rated as levels
    inner join gpus
        on levels.gpu_id = gpus.gpu_id
    where levels.is_supported or not levels.has_supported_days
    window
        day_by_day as (partition by levels.series_id order by levels.price_date),
        so_far as (
            partition by levels.series_id
            order by levels.price_date
            rows between unbounded preceding and current row
        ),
        whole as (partition by levels.series_id)

),

months as (

    select
        series.series_id,
        date_trunc('month', series.price_date) as month_date,
        -- Enough sellers to speak of a market; a marketplace holds many behind one name.
        {{ median('series.provider_count') }} >= 4
        or (
            series.segment = 'marketplace'
            and {{ median('series.provider_count') }} >= 2
            and {{ median('series.offer_count') }} >= 10
        ) as is_well_filled
    from series
    group by series.series_id, series.segment, month_date

),

thickness as (

    select
        months.series_id,
        count(*) < 12 or avg(cast(months.is_well_filled as double)) < 0.8 as is_thin
    from months
    group by 1

),

summary as (

    select
        series.series_id,
        any_value(series.segment) as segment,
        any_value(series.purchase_type) as purchase_type,
        any_value(series.commitment_months) as commitment_months,
        any_value(series.gpu_id) as gpu_id,
        min(series.price_date) as first_date,
        max(series.price_date) as last_date,
        count(*) as observed_days,
        max(series.price_date) - min(series.price_date) + 1 as span_days,
        coalesce(max(series.days_missing_before), 0) as gap_days,
        arg_max(series.provider_count, series.price_date) as provider_count,
        max(series.provider_count) as providers_max,
        bool_or(series.is_supported) as is_supported,
        arg_max(series.usd, series.price_date) as latest_usd,
        arg_max(series.status, series.price_date) as latest_status,
        max(series.peak_usd) as peak_usd,
        min(case when series.usd = series.peak_usd then series.price_date end) as peak_date,
        min(series.usd / series.running_peak_usd - 1) as max_drawdown_ratio
    from series
    group by 1

),

after_peak as (

    select
        series.*,
        min(series.usd) over (partition by series.series_id) as trough_usd
    from series
    inner join summary
        on
            series.series_id = summary.series_id
            and series.price_date > summary.peak_date

),

troughs as (

    select
        after_peak.series_id,
        max(after_peak.trough_usd) as trough_usd,
        min(case when after_peak.usd = after_peak.trough_usd then after_peak.price_date end) as trough_date
    from after_peak
    group by 1

),

-- Runs of consecutive days at least a tenth above the trough.
risen as (

    select
        after_peak.series_id,
        after_peak.price_date - cast(
            row_number() over (partition by after_peak.series_id order by after_peak.price_date) as integer
        ) as run
    from after_peak
    inner join troughs
        on
            after_peak.series_id = troughs.series_id
            and after_peak.price_date > troughs.trough_date
            and after_peak.usd >= 1.10 * troughs.trough_usd

),

runs as (

    select
        risen.series_id,
        risen.run,
        count(*) as run_days
    from risen
    group by 1, 2

),

confirmed as (

    select
        runs.series_id,
        max(runs.run_days) >= 28 as is_trough_confirmed
    from runs
    group by 1

),

-- The series so many days before its last day, or up to a week earlier.
earlier as (

    select
        series.series_id,
        arg_max(series.usd, series.price_date) filter (
            where series.price_date between summary.last_date - 37 and summary.last_date - 30
        ) as usd_30d_ago,
        arg_max(series.usd, series.price_date) filter (
            where series.price_date between summary.last_date - 372 and summary.last_date - 365
        ) as usd_365d_ago
    from series
    inner join summary
        on series.series_id = summary.series_id
    group by 1

),

-- The same sellers in the 28 days up to the peak and in the last 28: entry and exit cannot move this.
windows as (

    select
        summary.series_id,
        prices.provider_id,
        {{ median('cast(prices.median_usd_per_gpu_hour as double)') }} filter (
            where prices.price_date between summary.peak_date - 27 and summary.peak_date
        ) as peak_usd,
        {{ median('cast(prices.median_usd_per_gpu_hour as double)') }} filter (
            where prices.price_date between summary.last_date - 27 and summary.last_date
        ) as last_usd
    from summary
    inner join prices
        on
            summary.segment = prices.segment
            and summary.purchase_type = prices.purchase_type
            and summary.commitment_months = prices.commitment_months
            and summary.gpu_id = prices.gpu_id
    group by 1, 2

),

matched as (

    select
        windows.series_id,
        exp(avg(ln(windows.last_usd / windows.peak_usd))) - 1 as matched_drawdown_ratio,
        count(*) as matched_provider_count
    from windows
    where windows.peak_usd is not null and windows.last_usd is not null
    group by 1

),

judged as (

    select
        summary.*,
        matched.matched_drawdown_ratio,
        matched.matched_provider_count,
        troughs.trough_usd,
        troughs.trough_date,
        coalesce(confirmed.is_trough_confirmed, false) as is_trough_confirmed,
        earlier.usd_30d_ago,
        earlier.usd_365d_ago,
        thickness.is_thin,
        case
            when not summary.is_supported
                then 'never two providers, nor five offers on a marketplace'
            when summary.observed_days < 30
                then 'fewer than 30 days with two providers, or five offers on a marketplace'
        end as suppression_reason
    from summary
    inner join thickness
        on summary.series_id = thickness.series_id
    left join troughs
        on summary.series_id = troughs.series_id
    left join confirmed
        on summary.series_id = confirmed.series_id
    left join earlier
        on summary.series_id = earlier.series_id
    left join matched
        on summary.series_id = matched.series_id

),

published as (

    select
        judged.*,
        judged.suppression_reason is null as is_shown
    from judged

),

final as (

    select
        published.series_id,
        published.segment,
        published.purchase_type,
        published.commitment_months,
        published.gpu_id,
        published.first_date,
        published.last_date,
        cast(published.observed_days as integer) as observed_days,
        cast(published.span_days as integer) as span_days,
        cast(published.gap_days as integer) as gap_days,
        published.provider_count,
        published.providers_max,
        published.is_thin,
        published.last_date as latest_date,
        cast({{ as_of_date() }} - published.last_date as integer) as age_days,
        {% for column in ['latest', 'peak', 'trough'] %}
        cast(case when published.is_shown then published.{{ column }}_usd end as decimal(18, 6))
            as {{ column }}_usd_per_gpu_hour,
        {% endfor %}
        case when published.is_shown then published.peak_date end as peak_date,
        case when published.is_shown then published.trough_date end as trough_date,
        case when published.is_shown then published.peak_date < published.first_date + 60 end
            as is_left_censored,
        case
            when published.is_shown and published.trough_date is not null then published.is_trough_confirmed
        end as is_trough_confirmed,
        {% for column, ratio in [
            ('drawdown_ratio', 'published.latest_usd / published.peak_usd - 1'),
            ('matched_drawdown_ratio', 'published.matched_drawdown_ratio'),
            ('max_drawdown_ratio', 'published.max_drawdown_ratio'),
            ('rebound_ratio', 'published.latest_usd / published.trough_usd - 1'),
            (
                'recovery_ratio',
                '(published.latest_usd - published.trough_usd)'
                ~ ' / nullif(published.peak_usd - published.trough_usd, 0)'
            ),
            ('change_30d_ratio', 'published.latest_usd / published.usd_30d_ago - 1'),
            ('change_365d_ratio', 'published.latest_usd / published.usd_365d_ago - 1'),
        ] %}
        cast(case when published.is_shown then {{ ratio }} end as decimal(12, 6)) as {{ column }},
        {% endfor %}
        cast(case when published.is_shown then coalesce(published.matched_provider_count, 0) end as integer)
            as matched_provider_count,
        case when published.is_shown then published.latest_status else 'suppressed' end as status,
        published.suppression_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from published

)

select * from final
