with

legs as (

    select * from {{ ref('gpu_rental_legs') }}

),

all_series as (

    select * from {{ ref('int_gpu_rental_series') }}

),

gpus as (

    select * from {{ ref('gpus') }}
    where family = 'h100'

),

trends as (

    select * from {{ ref('gpu_price_trends_daily') }}

),

offers as (

    select * from {{ ref('int_gpu_offer_prices__entering') }}
    where gpu_id in (select gpus.gpu_id from gpus)

),

h100_legs as (

    select
        legs.*,
        max(legs.peak_usd_per_gpu_hour) over series as highest_usd,
        max(legs.peak_usd_per_gpu_hour) over series_so_far as highest_usd_so_far
    from legs
    inner join gpus
        on legs.gpu_id = gpus.gpu_id
    window
        series as (partition by legs.series_id),
        series_so_far as (
            partition by legs.series_id
            order by legs.leg_number
            rows between unbounded preceding and current row
        )

),

-- The leg of the highest peak is the decline; where two are as high, the first.
declines as (

    select h100_legs.*
    from h100_legs
    where coalesce(h100_legs.peak_usd_per_gpu_hour = h100_legs.highest_usd, true)
    qualify row_number() over (partition by h100_legs.series_id order by h100_legs.leg_number) = 1

),

-- The lowest after that peak, be it in this leg or a later one.
lows as (

    select h100_legs.*
    from h100_legs
    inner join declines
        on
            h100_legs.series_id = declines.series_id
            and h100_legs.leg_number >= declines.leg_number
    where h100_legs.trough_usd_per_gpu_hour is not null
    qualify
        row_number() over (
            partition by h100_legs.series_id
            order by h100_legs.trough_usd_per_gpu_hour, h100_legs.leg_number
        ) = 1

),

totals as (

    select
        h100_legs.series_id,
        max(h100_legs.leg_number) as leg_count,
        min(h100_legs.trough_usd_per_gpu_hour / h100_legs.highest_usd_so_far - 1) as max_drawdown_ratio,
        sum(h100_legs.down_month_count) as down_month_count,
        sum(h100_legs.month_step_count) as month_step_count
    from h100_legs
    group by 1

),

largest_steps as (

    select h100_legs.*
    from h100_legs
    qualify
        row_number() over (
            partition by h100_legs.series_id
            order by abs(ln(1 + h100_legs.largest_step_ratio)) desc nulls last, h100_legs.leg_number asc
        ) = 1

),

latest as (

    select
        all_series.series_id,
        trends.smoothed_usd_per_gpu_hour as usd,
        trends.change_30d_ratio,
        trends.change_365d_ratio
    from all_series
    inner join trends
        on
            all_series.series_id = trends.series_id
            and all_series.last_date = trends.price_date
    where all_series.suppression_reason is null

),

halves as (

    select
        declines.series_id,
        min(trends.price_date) as half_date
    from declines
    inner join trends
        on
            declines.series_id = trends.series_id
            and declines.peak_date < trends.price_date
            and declines.peak_usd_per_gpu_hour >= 2 * trends.smoothed_usd_per_gpu_hour
    where trends.smoothed_day_count >= 14
    group by 1

),

-- The same offers of the same source in the 28 days up to the peak and in the last 28: entry and exit cannot
-- move this.
windows as (

    select
        declines.series_id,
        offers.provider_id,
        offers.source_id,
        offers.offer_key,
        {{ median('offers.usd_per_gpu_hour') }} filter (
            where offers.price_date between declines.peak_date - 27 and declines.peak_date
        ) as peak_usd,
        {{ median('offers.usd_per_gpu_hour') }} filter (
            where offers.price_date between all_series.last_date - 27 and all_series.last_date
        ) as last_usd
    from declines
    inner join all_series
        on declines.series_id = all_series.series_id
    inner join offers
        on declines.series_id = offers.series_id
    group by 1, 2, 3, 4

),

sellers as (

    select
        windows.series_id,
        windows.provider_id,
        avg(ln(windows.last_usd / windows.peak_usd)) as log_change
    from windows
    where windows.peak_usd is not null and windows.last_usd is not null
    group by 1, 2

),

matched as (

    select
        sellers.series_id,
        exp(avg(sellers.log_change)) - 1 as matched_drawdown_ratio,
        count(*) as matched_provider_count
    from sellers
    group by 1

),

final as (

    select
        all_series.series_id,
        all_series.segment,
        all_series.purchase_type,
        all_series.commitment_months,
        all_series.gpu_id,
        all_series.first_date,
        all_series.last_date,
        cast(all_series.observed_days as integer) as observed_days,
        cast(all_series.span_days as integer) as span_days,
        cast(all_series.gap_days as integer) as gap_days,
        all_series.provider_count,
        all_series.providers_max,
        all_series.is_thin,
        all_series.last_date as latest_date,
        cast({{ as_of_date() }} - all_series.last_date as integer) as age_days,
        latest.usd as latest_usd_per_gpu_hour,
        declines.peak_usd_per_gpu_hour,
        lows.trough_usd_per_gpu_hour,
        declines.peak_date,
        lows.trough_date,
        declines.is_left_censored,
        lows.is_trough_confirmed,
        cast(latest.usd / declines.peak_usd_per_gpu_hour - 1 as decimal(12, 6)) as drawdown_ratio,
        cast(matched.matched_drawdown_ratio as decimal(12, 6)) as matched_drawdown_ratio,
        cast(if(latest.usd is null, null, coalesce(totals.max_drawdown_ratio, 0)) as decimal(12, 6))
            as max_drawdown_ratio,
        cast(latest.usd / lows.trough_usd_per_gpu_hour - 1 as decimal(12, 6)) as rebound_ratio,
        cast(
            (latest.usd - lows.trough_usd_per_gpu_hour)
            / (declines.peak_usd_per_gpu_hour - lows.trough_usd_per_gpu_hour)
            as decimal(12, 6)
        ) as recovery_ratio,
        latest.change_30d_ratio,
        latest.change_365d_ratio,
        cast(halves.half_date - declines.peak_date as integer) as half_life_days,
        declines.fitted_half_life_months,
        declines.annualised_fall_ratio,
        declines.fit_reason,
        cast(totals.leg_count as integer) as leg_count,
        cast(totals.down_month_count / nullif(totals.month_step_count, 0) as decimal(7, 6))
            as down_month_ratio,
        largest_steps.largest_step_month,
        largest_steps.largest_step_ratio,
        largest_steps.largest_step_provider_id,
        largest_steps.largest_step_cause,
        cast(if(latest.usd is null, null, coalesce(matched.matched_provider_count, 0)) as integer)
            as matched_provider_count,
        cast(all_series.imputed_ratio as decimal(7, 6)) as imputed_ratio,
        {%- set reason = 'all_series.suppression_reason' %}
        {{ value_status('all_series.last_date', reason, 'all_series.imputed_ratio') }} as status,
        coalesce(
            all_series.suppression_reason,
            case
                when all_series.imputed_ratio > 0.25
                    then 'many sellers not read for {{ var("carry_days_unread") }} days'
            end
        ) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from declines
    inner join all_series
        on declines.series_id = all_series.series_id
    inner join totals
        on declines.series_id = totals.series_id
    inner join largest_steps
        on declines.series_id = largest_steps.series_id
    left join latest
        on declines.series_id = latest.series_id
    left join lows
        on declines.series_id = lows.series_id
    left join halves
        on declines.series_id = halves.series_id
    left join matched
        on declines.series_id = matched.series_id

)

select * from final
