with recursive

all_series as (

    select * from {{ ref('int_gpu_rental_series') }}

),

trends as (

    select * from {{ ref('gpu_price_trends_daily') }}
    where smoothed_day_count >= 14

),

steps as (

    select * from {{ ref('gpu_rental_steps_monthly') }}

),

-- S, the 28-day median of the daily level, and the lowest S of the 28 days from each day on, where all of
-- them have one: what a rise has to hold.
days as (

    select
        trends.series_id,
        trends.price_date,
        trends.smoothed_usd_per_gpu_hour as usd,
        trends.imputed_ratio,
        case
            when lead(trends.price_date, 27) over day_by_day = trends.price_date + 27
                then min(trends.smoothed_usd_per_gpu_hour) over four_weeks
        end as held_usd
    from trends
    inner join all_series
        on trends.series_id = all_series.series_id
    where all_series.suppression_reason is null
    window
        day_by_day as (partition by trends.series_id order by trends.price_date),
        four_weeks as (
            partition by trends.series_id
            order by trends.price_date
            rows between current row and 27 following
        )

),

-- A leg ends at the trough that a rise by a tenth, held for 28 days, confirms; the next one starts there. A
-- dip that is not a tenth deep ends no leg, or every ripple of a rising series would.
starts as (

    select
        days.series_id,
        1 as leg_number,
        min(days.price_date) as start_date,
        cast(null as date) as confirmed_date
    from days
    group by 1
    union all
    (
        with

        climbed as (

            select
                days.series_id,
                starts.leg_number,
                days.price_date,
                days.usd,
                days.held_usd,
                max(days.usd) over so_far as peak_usd,
                coalesce(
                    days.usd > max(days.usd) over (
                        partition by days.series_id
                        order by days.price_date
                        rows between unbounded preceding and 1 preceding
                    ),
                    true
                ) as is_new_peak
            from starts
            inner join days
                on
                    starts.series_id = days.series_id
                    and starts.start_date <= days.price_date
            window so_far as (
                partition by days.series_id
                order by days.price_date
                rows between unbounded preceding and current row
            )

        ),

        -- Each new peak opens an episode, in which the low since that peak is looked for.
        peaked as (

            select
                climbed.*,
                sum(cast(climbed.is_new_peak as integer)) over (
                    partition by climbed.series_id
                    order by climbed.price_date
                    rows between unbounded preceding and current row
                ) as episode
            from climbed

        ),

        fallen as (

            select
                peaked.*,
                min(peaked.usd) over (
                    partition by peaked.series_id, peaked.episode
                    order by peaked.price_date
                    rows between unbounded preceding and current row
                ) as low_usd
            from peaked

        ),

        lagged as (

            select
                fallen.*,
                lag(fallen.episode) over day_by_day as last_episode,
                lag(fallen.peak_usd) over day_by_day as last_peak_usd,
                lag(fallen.low_usd) over day_by_day as last_low_usd
            from fallen
            window day_by_day as (partition by fallen.series_id order by fallen.price_date)

        ),

        rises as (

            select
                lagged.series_id,
                lagged.leg_number,
                lagged.price_date + 27 as confirmed_date,
                lagged.last_episode,
                lagged.last_low_usd
            from lagged
            where
                lagged.held_usd >= 1.10 * lagged.last_low_usd
                and lagged.last_peak_usd >= 1.10 * lagged.last_low_usd
            qualify row_number() over (partition by lagged.series_id order by lagged.price_date) = 1

        )

        select
            rises.series_id,
            rises.leg_number + 1 as leg_number,
            min(fallen.price_date) as start_date,
            rises.confirmed_date
        from rises
        inner join fallen
            on
                rises.series_id = fallen.series_id
                and rises.last_episode = fallen.episode
                and rises.last_low_usd = fallen.usd
                and rises.confirmed_date > fallen.price_date
        group by rises.series_id, rises.leg_number, rises.confirmed_date
    )

),

bounds as (

    select
        starts.series_id,
        starts.leg_number,
        starts.start_date,
        lead(starts.start_date) over by_number as trough_date,
        lead(starts.confirmed_date) over by_number as confirmed_date
    from starts
    window by_number as (partition by starts.series_id order by starts.leg_number)

),

-- The days of a leg; the last leg, whose trough nothing has confirmed, runs to the end of the series.
leg_days as (

    select
        bounds.*,
        days.price_date,
        days.usd,
        days.imputed_ratio
    from bounds
    inner join all_series
        on bounds.series_id = all_series.series_id
    inner join days
        on
            bounds.series_id = days.series_id
            and bounds.start_date <= days.price_date
            and coalesce(bounds.trough_date, all_series.last_date) >= days.price_date

),

peaks as (

    select
        leg_days.series_id,
        leg_days.leg_number,
        any_value(leg_days.start_date) as start_date,
        any_value(leg_days.trough_date) as trough_date,
        any_value(leg_days.confirmed_date) as confirmed_date,
        max(leg_days.price_date) as end_date,
        count(*) as observed_days,
        arg_min(leg_days.usd, leg_days.price_date) as start_usd,
        arg_max(leg_days.usd, leg_days.price_date) as end_usd,
        avg(leg_days.imputed_ratio) as imputed_ratio,
        max(leg_days.usd) as peak_usd,
        arg_min(leg_days.price_date, (-leg_days.usd, leg_days.price_date)) as peak_date
    from leg_days
    group by 1, 2

),

-- After the peak: the lowest S, a running low where it is not confirmed, and the first day at half the peak.
falls as (

    select
        peaks.series_id,
        peaks.leg_number,
        min(leg_days.usd) as trough_usd,
        arg_min(leg_days.price_date, (leg_days.usd, leg_days.price_date)) as trough_date,
        min(leg_days.price_date) filter (where leg_days.usd * 2 <= peaks.peak_usd) as half_date
    from peaks
    inner join leg_days
        on
            peaks.series_id = leg_days.series_id
            and peaks.leg_number = leg_days.leg_number
            and peaks.peak_date < leg_days.price_date
            and peaks.peak_usd > leg_days.usd
    group by 1, 2

),

legs as (

    select
        peaks.series_id,
        peaks.leg_number,
        peaks.start_date,
        peaks.confirmed_date,
        peaks.end_date,
        peaks.observed_days,
        peaks.start_usd,
        peaks.imputed_ratio,
        peaks.peak_usd,
        peaks.peak_date,
        falls.trough_usd,
        falls.trough_date,
        falls.half_date,
        peaks.trough_date is not null as is_trough_confirmed,
        peaks.trough_date is null as is_current,
        -- Where the rise after the trough has come to: the next peak, or the latest day.
        coalesce(lead(peaks.peak_usd) over in_order, peaks.end_usd) as risen_usd,
        -- As long as the next leg goes on, that may still rise.
        coalesce(lead(peaks.end_date) over in_order, peaks.end_date) as settled_date
    from peaks
    left join falls
        on
            peaks.series_id = falls.series_id
            and peaks.leg_number = falls.leg_number
    window in_order as (partition by peaks.series_id order by peaks.leg_number)

),

months as (

    select
        *,
        datediff('month', date '2000-01-01', price_month) as month_number,
        ln(cast(level_usd_per_gpu_hour as double)) as log_level
    from steps
    where level_usd_per_gpu_hour is not null

),

-- From the month of the peak to that of the trough: where prices fall by the same share every month, their
-- logarithms lie on a line.
fits as (

    select
        legs.series_id,
        legs.leg_number,
        count(*) as month_count,
        max(months.month_number) - min(months.month_number) as span_months,
        regr_slope(months.log_level, months.month_number) as slope,
        regr_r2(months.log_level, months.month_number) as r2,
        regr_sxx(months.log_level, months.month_number) as sxx,
        regr_syy(months.log_level, months.month_number) as syy
    from legs
    inner join months
        on
            legs.series_id = months.series_id
            and months.price_month between date_trunc('month', legs.peak_date) and legs.trough_date
    group by 1, 2

),

tested as (

    select
        fits.*,
        {{ student_t_95('(fits.month_count - 2)') }}
        * sqrt(greatest(fits.syy - pow(fits.slope, 2) * fits.sxx, 0) / (fits.month_count - 2) / fits.sxx)
            as slope_error
    from fits
    where fits.month_count >= 9

),

moves as (

    select
        legs.series_id,
        legs.leg_number,
        count(months.change_ratio) as step_count,
        count(*) filter (where months.change_ratio < 0) as down_month_count,
        arg_max(months.price_month, abs(ln(1 + months.change_ratio))) filter (where months.change_ratio != 0)
            as largest_step_month
    from legs
    inner join months
        on
            legs.series_id = months.series_id
            and months.price_month > date_trunc('month', legs.start_date)
            and months.price_month <= date_trunc('month', legs.end_date)
            and months.change_ratio is not null
    group by 1, 2

),

judged as (

    select
        legs.*,
        fits.month_count as fit_month_count,
        tested.r2,
        tested.slope,
        tested.slope_error,
        (legs.risen_usd - legs.trough_usd) / (legs.peak_usd - legs.trough_usd) as recovery_ratio,
        moves.step_count,
        moves.down_month_count,
        months.price_month as largest_step_month,
        months.change_ratio as largest_step_ratio,
        months.cause_provider_id as largest_step_provider_id,
        months.cause as largest_step_cause,
        case
            when legs.trough_date is null then 'no fall yet'
            when tested.series_id is null then 'fewer than 9 months from peak to trough'
            when tested.slope + tested.slope_error >= 0 then 'the slope cannot be told from none'
            when tested.r2 < 0.5 then 'a line explains less than half of it'
            when -ln(2) / tested.slope > 2 * fits.span_months
                then 'longer than twice the months it is fitted to'
        end as fit_reason
    from legs
    left join fits
        on
            legs.series_id = fits.series_id
            and legs.leg_number = fits.leg_number
    left join tested
        on
            legs.series_id = tested.series_id
            and legs.leg_number = tested.leg_number
    left join moves
        on
            legs.series_id = moves.series_id
            and legs.leg_number = moves.leg_number
    left join months
        on
            moves.series_id = months.series_id
            and moves.largest_step_month = months.price_month

),

final as (

    select
        all_series.series_id,
        coalesce(judged.leg_number, 1) as leg_number,
        all_series.segment,
        all_series.purchase_type,
        all_series.commitment_months,
        all_series.gpu_id,
        coalesce(judged.is_current, true) as is_current,
        coalesce(judged.start_date, all_series.first_date) as start_date,
        coalesce(judged.end_date, all_series.last_date) as end_date,
        cast(coalesce(judged.observed_days, all_series.observed_days) as integer) as observed_days,
        cast(judged.start_usd as decimal(18, 6)) as start_usd_per_gpu_hour,
        judged.peak_date,
        cast(judged.peak_usd as decimal(18, 6)) as peak_usd_per_gpu_hour,
        judged.leg_number = 1 and judged.peak_date < all_series.first_date + 60 as is_left_censored,
        judged.trough_date,
        cast(judged.trough_usd as decimal(18, 6)) as trough_usd_per_gpu_hour,
        case when judged.trough_date is not null then judged.is_trough_confirmed end as is_trough_confirmed,
        judged.confirmed_date,
        cast(judged.trough_usd / judged.peak_usd - 1 as decimal(12, 6)) as drawdown_ratio,
        cast(judged.risen_usd as decimal(18, 6)) as risen_usd_per_gpu_hour,
        cast(judged.risen_usd / judged.trough_usd - 1 as decimal(12, 6)) as rebound_ratio,
        cast(judged.recovery_ratio as decimal(12, 6)) as recovery_ratio,
        cast(judged.half_date - judged.peak_date as integer) as half_life_days,
        cast(judged.fit_month_count as integer) as fit_month_count,
        cast(judged.r2 as decimal(7, 6)) as fit_r2,
        {% for column, slope in [
            ('fitted_half_life_months', 'judged.slope'),
            ('fitted_half_life_low_months', '(judged.slope - judged.slope_error)'),
            ('fitted_half_life_high_months', '(judged.slope + judged.slope_error)'),
        ] %}
        cast(case when judged.fit_reason is null then -ln(2) / {{ slope }} end as decimal(12, 4))
            as {{ column }},
        {% endfor %}
        cast(case when judged.fit_reason is null then 1 - exp(12 * judged.slope) end as decimal(12, 6))
            as annualised_fall_ratio,
        judged.fit_reason,
        cast(coalesce(judged.step_count, 0) as integer) as month_step_count,
        cast(coalesce(judged.down_month_count, 0) as integer) as down_month_count,
        cast(judged.down_month_count / judged.step_count as decimal(7, 6)) as down_month_ratio,
        judged.largest_step_month,
        judged.largest_step_ratio,
        judged.largest_step_provider_id,
        judged.largest_step_cause,
        all_series.is_thin,
        cast(coalesce(judged.imputed_ratio, all_series.imputed_ratio) as decimal(7, 6)) as imputed_ratio,
        {{ value_status(
            'coalesce(judged.settled_date, all_series.last_date)', 'all_series.suppression_reason',
            'coalesce(judged.imputed_ratio, all_series.imputed_ratio)'
        ) }} as status,
        coalesce(
            all_series.suppression_reason,
            case
                when coalesce(judged.imputed_ratio, all_series.imputed_ratio) > 0.25
                    then 'many sellers not read for {{ var("carry_days_unread") }} days'
            end
        ) as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from all_series
    left join judged
        on all_series.series_id = judged.series_id

)

select * from final
