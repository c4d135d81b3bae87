-- A leg starts where the last one ended, its trough lies below its peak, and a statistic that is withheld
-- says why. The H100 table reads the same peaks and troughs.
with

legs as (

    select
        *,
        lag(trough_date) over (partition by series_id order by leg_number) as last_trough_date,
        row_number() over (partition by series_id order by leg_number) as leg_position,
        max(leg_number) over (partition by series_id) as leg_count
    from {{ ref('gpu_rental_legs') }}

),

declines as (

    select * from {{ ref('h100_rental_decline') }}

),

highest as (

    select
        series_id,
        max(peak_usd_per_gpu_hour) as peak_usd_per_gpu_hour,
        max(leg_number) as leg_count
    from legs
    group by 1

),

steps as (

    select * from {{ ref('gpu_rental_steps_monthly') }}

),

broken as (

    select
        series_id,
        'legs do not join up' as broken_rule
    from legs
    where
        leg_number != leg_position
        or start_date != last_trough_date
        or is_current != (leg_number = leg_count)
        or coalesce(is_trough_confirmed, false) != (leg_number < leg_count)
        or start_date > peak_date
        or peak_date >= trough_date
        or is_left_censored and leg_number > 1
    union all
    select
        series_id,
        'figures do not agree' as broken_rule
    from legs
    where
        drawdown_ratio not between -1 and 0
        or rebound_ratio < 0
        or is_trough_confirmed and rebound_ratio < 0.1
        or (fit_reason is null) != (fitted_half_life_months is not null) and status != 'suppressed'
        or not (
            fitted_half_life_low_months <= fitted_half_life_months
            and fitted_half_life_months <= fitted_half_life_high_months
        )
        or (status = 'suppressed') != (peak_usd_per_gpu_hour is null)
        or (status in ('suppressed', 'imputed')) != (status_reason is not null)
    union all
    select
        declines.series_id,
        'not the decline of its legs' as broken_rule
    from declines
    left join highest
        on declines.series_id = highest.series_id
    where
        declines.peak_usd_per_gpu_hour is distinct from highest.peak_usd_per_gpu_hour
        or declines.leg_count is distinct from highest.leg_count
        or declines.max_drawdown_ratio > declines.drawdown_ratio
        or declines.recovery_ratio not between 0 and 1
        or (declines.status = 'suppressed') != (declines.latest_usd_per_gpu_hour is null)
        or (declines.status in ('suppressed', 'imputed')) != (declines.status_reason is not null)
    union all
    select
        series_id,
        'a step that does not add up' as broken_rule
    from steps
    where
        abs(level_usd_per_gpu_hour / earlier_level_usd_per_gpu_hour - 1 - change_ratio) > 0.001
        or cause_change_ratio * change_ratio <= 0
        or (status = 'suppressed') != (level_usd_per_gpu_hour is null)
        or (status in ('suppressed', 'imputed')) != (status_reason is not null)

)

select * from broken
