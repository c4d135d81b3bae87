{#- References below which there is no median. -#}
{%- set fewest_references = 5 %}
{#- Standard deviations on either side of an interval of 90 %. -#}
{%- set z = 1.6448536269514722 %}

with

lags as (

    select * from {{ ref('catch_up_lags') }}

),

-- Those caught up with before anybody looked were never at risk in our sight.
subjects as (

    select lags.*
    from lags
    where not lags.is_left_censored

),

event_days as (

    select
        subjects.board_id,
        subjects.criterion,
        subjects.lag_days,
        count(*) as event_count
    from subjects
    where not subjects.is_censored
    group by 1, 2, 3

),

-- Each reference is at risk from the day after which it can be seen; seen from its release, from that day on.
at_risk as (

    select
        event_days.board_id,
        event_days.criterion,
        event_days.lag_days,
        event_days.event_count,
        count(*) as risk_count
    from event_days
    inner join subjects
        on
            event_days.board_id = subjects.board_id
            and event_days.criterion = subjects.criterion
            and event_days.lag_days <= subjects.lag_days
            and (event_days.lag_days > subjects.unseen_days or subjects.unseen_days = 0)
    group by 1, 2, 3, 4

),

-- Kaplan and Meier's share not yet caught up with, and Greenwood's sum of its variance.
surviving as (

    select
        at_risk.*,
        product(1.0 - at_risk.event_count / cast(at_risk.risk_count as double)) over so_far as survival_ratio,
        sum(
            at_risk.event_count
            / (cast(at_risk.risk_count as double) * nullif(at_risk.risk_count - at_risk.event_count, 0))
        ) over so_far as greenwood_sum
    from at_risk
    window so_far as (
        partition by at_risk.board_id, at_risk.criterion
        order by at_risk.lag_days
        rows between unbounded preceding and current row
    )

),

-- Its interval is one of the logarithm of minus the logarithm.
spread as (

    select
        surviving.*,
        case
            when surviving.survival_ratio > 0
                then sqrt(surviving.greenwood_sum) / -ln(surviving.survival_ratio)
        end as spread
    from surviving

),

bounded as (

    select
        spread.board_id,
        spread.criterion,
        spread.lag_days,
        {% for side in ['lower', 'upper'] %}
        case
            when spread.survival_ratio <= 0 then 0
            else pow(spread.survival_ratio, exp({{ -z if side == 'upper' else z }} * spread.spread))
        end as {{ side }}_ratio,
        {% endfor %}
        spread.survival_ratio
    from spread

),

medians as (

    select
        bounded.board_id,
        bounded.criterion,
        min(case when bounded.survival_ratio <= 0.5 then bounded.lag_days end) as median_lag_days,
        min(case when bounded.lower_ratio <= 0.5 then bounded.lag_days end) as median_lag_days_low,
        min(case when bounded.upper_ratio <= 0.5 then bounded.lag_days end) as median_lag_days_high
    from bounded
    group by 1, 2

),

counted as (

    select
        lags.board_id,
        lags.criterion,
        max(lags.last_rated_date) as last_date,
        count(*) as reference_count,
        count(case when not lags.is_censored and not lags.is_left_censored then 1 end) as caught_up_count,
        count(case when lags.is_censored then 1 end) as censored_count,
        count(case when lags.is_left_censored then 1 end) as left_censored_count
    from lags
    group by 1, 2

),

judged as (

    select
        counted.*,
        medians.median_lag_days,
        medians.median_lag_days_low,
        medians.median_lag_days_high,
        case
            when counted.reference_count - counted.left_censored_count < {{ fewest_references }}
                then 'fewer than {{ fewest_references }} references'
            when medians.median_lag_days is null then 'fewer than half caught up with so far'
        end as suppression_reason
    from counted
    left join medians
        on
            counted.board_id = medians.board_id
            and counted.criterion = medians.criterion

),

final as (

    select
        judged.board_id,
        judged.criterion,
        {% for value in ['median_lag_days', 'median_lag_days_low', 'median_lag_days_high'] %}
        cast(
            case when judged.suppression_reason is null then judged.{{ value }} end as integer
        ) as {{ value }},
        {% endfor %}
        cast(judged.reference_count as integer) as reference_count,
        cast(judged.caught_up_count as integer) as caught_up_count,
        cast(judged.censored_count as integer) as censored_count,
        cast(judged.left_censored_count as integer) as left_censored_count,
        judged.last_date,
        {{ value_status('judged.last_date', 'judged.suppression_reason') }} as status,
        judged.suppression_reason as status_reason,
        '{{ var("methodology_version") }}' as methodology_version
    from judged

)

select * from final
